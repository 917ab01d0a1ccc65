package local

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/hub/pack"
)

// names gives what is copied, each entry with the folder that it goes to.
func names(t *testing.T, all []hub.Files) []string {
	t.Helper()
	var got []string
	for _, files := range all {
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
			got = append(got, filepath.Join(files.Into, h.Name))
		}
	}
	return got
}

// A file that lies in its place already is not read and written over itself.
func TestWhatLiesInItsPlaceIsNotCopied(t *testing.T) {
	t.Parallel()
	work, other := t.TempDir(), t.TempDir()
	for _, file := range []string{filepath.Join(work, "file"), filepath.Join(other, "extra")} {
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(work, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	extra := filepath.Join(other, "extra")
	for name, test := range map[string]struct {
		start wire.StartConfig
		want  []string
	}{
		"an overlay that is the work dir":       {wire.StartConfig{OverlayDir: work}, nil},
		"a file onto itself":                    {wire.StartConfig{CopyFiles: []wire.CopyFile{{Src: filepath.Join(work, "file"), RelDst: "file"}}}, nil},
		"a file that isn't there":               {wire.StartConfig{CopyFiles: []wire.CopyFile{{Src: filepath.Join(work, "none")}}}, nil},
		"a file under its own name":             {wire.StartConfig{CopyFiles: []wire.CopyFile{{Src: extra}}}, []string{"extra"}},
		"a file onto a folder goes into it":     {wire.StartConfig{CopyFiles: []wire.CopyFile{{Src: extra, RelDst: "folder"}}}, []string{"folder/extra"}},
		"a file under a name that leads out":    {wire.StartConfig{CopyFiles: []wire.CopyFile{{Src: extra, RelDst: "/new"}}}, []string{"new"}},
		"overlays in their order":               {wire.StartConfig{PackOverlayDirs: []string{other}, OverlayDir: other}, []string{"extra", "extra"}},
		"an overlay of the pack before the own": {wire.StartConfig{PackOverlayDirs: []string{work}, OverlayDir: other}, []string{"extra"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, err := (&Backend{}).Files(&wire.Start{StartConfig: test.start}, &wire.Launch{WorkDir: work})
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, name := range test.want {
				want = append(want, filepath.Join(work, name))
			}
			if got := names(t, all); !slices.Equal(got, want) {
				t.Errorf("copied %q, want %q", got, want)
			}
		})
	}
}
