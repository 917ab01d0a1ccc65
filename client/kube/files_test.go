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
	root := laptop(t, "city/a", "city/rig/b", "city/.gc/lock", "city/rig/.gc/log", "city/empty/", "away/.gc/c", "away/c", "p1/x", "p2/x", "own/x", "own/.gc/kept", "f/x", "city/.gc/s/t", "file",
		"city/.gc/worktrees/r/a/d", "city/.gc/worktrees/r/a/.gc/log", "city/.gc/worktrees/r/b/d", "city/rig/.gc/agents/m/e", "city/.gc/agents/new/")
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
		"a city whose longer name isn't there": {
			wire.StartConfig{Env: map[string]string{"GC_CITY": at("city"), "GC_CITY_PATH": at("city-of-old")}}, cityFiles,
		},
		"a city that isn't there": {wire.StartConfig{Env: map[string]string{"GC_CITY": at("none")}}, nil},
		"a work dir outside the city is laid over it": {
			wire.StartConfig{Env: inCity, WorkDir: at("away")}, append(slices.Clone(cityFiles), "/workspace/c=away/c"),
		},
		"a work dir without a city": {wire.StartConfig{WorkDir: at("away")}, []string{"/workspace/c=away/c"}},
		"a work dir in gc's own folder, without the others and gc's own folder in it": {
			wire.StartConfig{Env: inCity, WorkDir: at("city/.gc/worktrees/r/a")}, append(slices.Clone(cityFiles), "/workspace/.gc/worktrees/r/a/d=city/.gc/worktrees/r/a/d"),
		},
		"a work dir in a rig's folder of gc's": {
			wire.StartConfig{Env: inCity, WorkDir: at("city/rig/.gc/agents/m")}, append(slices.Clone(cityFiles), "/workspace/rig/.gc/agents/m/e=city/rig/.gc/agents/m/e"),
		},
		"overlays over a work dir in gc's own folder": {
			wire.StartConfig{Env: inCity, WorkDir: at("city/.gc/agents/new"), OverlayDir: at("p1")}, append(slices.Clone(cityFiles), "/workspace/.gc/agents/new/x=p1/x"),
		},
		"gc's own folder as the work dir":         {wire.StartConfig{Env: inCity, WorkDir: at("city/.gc")}, cityFiles},
		"a work dir in the city that isn't there": {wire.StartConfig{Env: inCity, WorkDir: at("city/none")}, cityFiles},
		"one in gc's own folder that isn't there": {wire.StartConfig{Env: inCity, WorkDir: at("city/.gc/none")}, cityFiles},
		"a work dir that isn't there":             {wire.StartConfig{WorkDir: at("none")}, nil},
		"a work dir that is a file":               {wire.StartConfig{WorkDir: at("file")}, nil},
		"a relative work dir":                     {wire.StartConfig{WorkDir: "."}, nil},
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

// A link to itself can be looked at by nobody, root included.
func TestAWorkspaceThatCantBeReadFailsTheStart(t *testing.T) {
	t.Parallel()
	root := laptop(t, "city/a")
	city, loop := filepath.Join(root, "city"), filepath.Join(root, "linked-to-itself")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	want := "copy workspace " + loop + ": stat " + loop + ": "
	for name, test := range map[string]struct {
		start wire.StartConfig
		fails bool
	}{
		"a city":                     {wire.StartConfig{Env: map[string]string{"GC_CITY": loop}}, true},
		"a work dir":                 {wire.StartConfig{Env: map[string]string{"GC_CITY": city}, WorkDir: loop}, true},
		"one of the names of a city": {wire.StartConfig{Env: map[string]string{"GC_CITY": city, "GC_CITY_PATH": loop}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := &wire.Start{StartConfig: test.start, BaseEnv: []string{"GC_K8S_IMAGE=i"}}
			all, err := (&Backend{}).Files(start, &wire.Launch{WorkDir: workspace})
			if test.fails && (wire.CodeOf(err) != wire.CodeFailed || !strings.HasPrefix(err.Error(), want)) {
				t.Errorf("got %v, want %s…", err, want)
			}
			if !test.fails && (err != nil || len(all) != 1 || all[0].What != "workspace "+city) {
				t.Errorf("got %+v, %v", all, err)
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
	launch := &wire.Launch{}
	if err := (&Backend{}).Adapt(launch, start); err != nil {
		t.Fatal(err)
	}
	if all, err := (&Backend{}).Files(start, launch); err != nil || len(all) > 0 {
		t.Errorf("got %d, %v", len(all), err)
	}
	if !launch.MakeWorkDir {
		t.Error("a work dir that the image lacks is not made")
	}
}

func TestAWorkDirBehindALinkIsCopiedWhereTheCitysCopyDoesNotBringIt(t *testing.T) {
	t.Parallel()
	root := laptop(t, "city/rig/a", "city/.gc/worktrees/a/b", "away/sub/c", "city/.gc/agents/")
	at := func(name string) string { return filepath.Join(root, name) }
	for link, target := range map[string]string{
		"city/within": "rig", "city/trees": ".gc/worktrees", "city/out": at("away"), "city/.gc/agents/m": at("rig-of-m"), "rig-of-m": "city/rig", "city/.gc/volume": at("away"),
	} {
		if err := os.Symlink(target, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	for workDir, want := range map[string]string{
		"city/within": "", "city/rig": "", "city/trees/a": "/workspace/.gc/worktrees/a", "city/out/sub": "/workspace/out/sub",
		"city/.gc/agents/m": "/workspace/.gc/agents/m", "city/.gc/volume/sub": "/workspace/.gc/volume/sub",
	} {
		start := &wire.Start{StartConfig: wire.StartConfig{Env: map[string]string{"GC_CITY": at("city")}, WorkDir: at(workDir)}}
		all, err := workspaces(start)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		for _, files := range all[1:] {
			got += files.Into
		}
		if got != want {
			t.Errorf("%s is copied to %q, want %q", workDir, got, want)
		}
	}
}

// The pointers are those that git writes, and the one to the beads that gc's packs write.
func TestPointersOfAWorkTreeLeadToWhereItsOtherEndIsInThePod(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ workDir, tree, into string }{
		"in the city":                       {"city/trees/a", "city/trees/a", "/workspace/trees/a"},
		"in gc's own folder":                {"city/.gc/worktrees/r/a", "city/.gc/worktrees/r/a", "/workspace/.gc/worktrees/r/a"},
		"gc's own folder on another volume": {"city/.gc/volume/r/a", "volume/r/a", "/workspace/.gc/volume/r/a"},
		"outside the city":                  {"away/a", "away/a", "/workspace"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, err := filepath.EvalSymlinks(laptop(t, "volume/", "city/.gc/"))
			if err != nil {
				t.Fatal(err)
			}
			at := func(name string) string { return filepath.Join(root, name) }
			if err := os.Symlink(at("volume"), at("city/.gc/volume")); err != nil {
				t.Fatal(err)
			}
			for file, text := range map[string]string{
				test.tree + "/.git":                   "gitdir: " + at("city/rigs/r/.git/worktrees/a") + "\n",
				test.tree + "/.beads/redirect":        at("city/rigs/r/.beads") + "\n",
				"city/rigs/r/.git/worktrees/a/gitdir": at(test.tree) + "/.git\n",
				"city/rigs/r/.git/worktrees/b/gitdir": at("city/.gc/worktrees/r/b/.git") + "\n",
			} {
				if err := errors.Join(os.MkdirAll(filepath.Dir(at(file)), 0o700), os.WriteFile(at(file), []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			start := &wire.Start{StartConfig: wire.StartConfig{Env: map[string]string{"GC_CITY": at("city")}, WorkDir: at(test.workDir)}}
			all, err := files(start, test.into, wire.EncodingZstd)
			if err != nil {
				t.Fatal(err)
			}
			got := copied(t, all)
			for _, want := range []string{
				test.into + "/.git=gitdir: /workspace/rigs/r/.git/worktrees/a\n", test.into + "/.beads/redirect=/workspace/rigs/r/.beads\n",
				"/workspace/rigs/r/.git/worktrees/a/gitdir=" + test.into + "/.git\n", "/workspace/rigs/r/.git/worktrees/b/gitdir=/workspace/.gc/worktrees/r/b/.git\n",
			} {
				if !slices.Contains(got, want) {
					t.Errorf("no %q in %q", want, got)
				}
			}
		})
	}
}
