package kube

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/hub/pack"
)

// copied gives what is copied: each file with the folder that it goes to and its content.
func copied(t *testing.T, all []hub.Files) []string {
	t.Helper()
	var got []string
	for _, files := range all {
		if files.Encoding != wire.EncodingZstd {
			t.Errorf("%s is not compressed", files.What)
		}
		var out bytes.Buffer
		p := pack.New(t.Context(), &out, func(w string) { t.Error(w) }, files.Skip)
		if err := errors.Join(files.Fill(p), p.Close()); err != nil {
			t.Fatal(err)
		}
		in := tar.NewReader(&out)
		for {
			h, err := in.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(in)
			if err != nil {
				t.Fatal(err)
			}
			name := files.Into + "/" + h.Name
			if len(text) > 0 {
				name += "=" + string(text)
			}
			got = append(got, name)
		}
	}
	return got
}

// laptop makes files, each holding its own path; a name that ends in a slash is an empty folder.
func laptop(t *testing.T, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		full := filepath.Join(root, name)
		dir := filepath.Dir(full)
		if strings.HasSuffix(name, "/") {
			dir = full
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if dir == full {
			continue
		}
		if err := os.WriteFile(full, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestWhatAStartCopiesAndInWhichOrder(t *testing.T) {
	t.Parallel()
	root := laptop(t, "city/a", "city/rig/b", "city/.gc/lock", "city/rig/.gc/log", "city/empty/", "away/.gc/c", "away/c", "p1/x", "p2/x", "own/x", "own/.gc/kept", "f/x", "city/.gc/s/t", "file")
	at := func(name string) string { return filepath.Join(root, name) }
	copyFiles := func(src, relDst string) wire.StartConfig {
		return wire.StartConfig{CopyFiles: []wire.CopyFile{{Src: at(src), RelDst: relDst}}}
	}
	inCity := map[string]string{"GC_CITY": at("city")}
	cityFiles := []string{"/workspace/a=city/a", "/workspace/empty/", "/workspace/rig/", "/workspace/rig/b=city/rig/b"}
	for name, test := range map[string]struct {
		start wire.StartConfig
		want  []string
	}{
		"nothing":                            {wire.StartConfig{}, nil},
		"the city, without gc's own folders": {wire.StartConfig{Env: inCity, WorkDir: at("city/rig")}, cityFiles},
		"a city by its path":                 {wire.StartConfig{Env: map[string]string{"GC_CITY_PATH": at("city")}}, cityFiles},
		"a work dir outside the city is laid over it": {
			wire.StartConfig{Env: inCity, WorkDir: at("away")}, append(slices.Clone(cityFiles), "/workspace/c=away/c"),
		},
		"a work dir without a city":   {wire.StartConfig{WorkDir: at("away")}, []string{"/workspace/c=away/c"}},
		"a work dir that isn't there": {wire.StartConfig{WorkDir: at("none")}, nil},
		"a work dir that is a file":   {wire.StartConfig{WorkDir: at("file")}, nil},
		"a relative work dir":         {wire.StartConfig{WorkDir: "."}, nil},
		"overlays before files, in order": {
			wire.StartConfig{
				Env: inCity, WorkDir: at("city/rig"), PackOverlayDirs: []string{at("p1"), "", at("p2")}, OverlayDir: at("own"),
				CopyFiles: []wire.CopyFile{{Src: at("f"), RelDst: "rig"}, {Src: at("none"), RelDst: "x"}, {RelDst: "x"}},
			},
			append(slices.Clone(cityFiles), "/workspace/rig/x=p1/x", "/workspace/rig/x=p2/x", "/workspace/rig/.gc/", "/workspace/rig/.gc/kept=own/.gc/kept",
				"/workspace/rig/x=own/x", "/workspace/rig/", "/workspace/rig/x=f/x"),
		},
		"gc's own folder when asked for": {copyFiles("city/.gc/s", ".gc/s"), []string{"/workspace/.gc/s/", "/workspace/.gc/s/t=city/.gc/s/t"}},
		"a file without a place":         {copyFiles("file", ""), []string{"/workspace/file=file"}},
		"a file at the top":              {copyFiles("file", "."), []string{"/workspace/file=file"}},
		"a file in the top":              {copyFiles("file", "./"), []string{"/workspace/file=file"}},
		"a file at the root":             {copyFiles("file", "/"), []string{"/workspace/file=file"}},
		"a file by another name":         {copyFiles("file", "a/b"), []string{"/workspace/a/b=file"}},
		"a file by an absolute name":     {copyFiles("file", "/a"), []string{"/workspace/a=file"}},
		"a file into a folder":           {copyFiles("file", "a/"), []string{"/workspace/a/file=file"}},
		"a name that isn't clean":        {copyFiles("file", "a//../b"), []string{"/workspace/b=file"}},
		"a name that comes to nothing":   {copyFiles("file", "a/.."), []string{"/workspace/file=file"}},
		"a folder without a place":       {copyFiles("f", ""), []string{"/workspace/x=f/x"}},
		"a folder somewhere":             {copyFiles("f", "a/b"), []string{"/workspace/a/b/", "/workspace/a/b/x=f/x"}},
		"a folder into a folder":         {copyFiles("f", "a/"), []string{"/workspace/a/", "/workspace/a/x=f/x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := &wire.Start{StartConfig: test.start, BaseEnv: []string{"GC_K8S_IMAGE=i"}}
			launch := &wire.Launch{Env: test.start.Env}
			b := &Backend{encoding: wire.EncodingZstd}
			if err := b.Adapt(launch, start); err != nil {
				t.Fatal(err)
			}
			all, err := b.Files(start, launch)
			if err != nil {
				t.Fatal(err)
			}
			if got := copied(t, all); !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestNothingIsCopiedIntoAnImageThatHoldsTheWorkspace(t *testing.T) {
	t.Parallel()
	root := laptop(t, "file")
	start := &wire.Start{
		StartConfig: wire.StartConfig{WorkDir: root, OverlayDir: root, CopyFiles: []wire.CopyFile{{Src: root}}}, BaseEnv: []string{"GC_K8S_IMAGE=i", "GC_K8S_PREBAKED=true"},
	}
	if all, err := (&Backend{}).Files(start, &wire.Launch{WorkDir: workspace}); err != nil || len(all) > 0 {
		t.Errorf("got %d, %v", len(all), err)
	}
}
