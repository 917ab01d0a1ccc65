package tarstream

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// entry is one tar entry in short: kind d, f, l (symbolic), h (hard), p (pipe).
type entry struct {
	kind         byte
	name, target string // target is a file's content
	mode         int64
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: e.mode, ModTime: time.Unix(1e9, 5e8), Format: tar.FormatPAX}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		switch e.kind {
		case 'd':
			h.Typeflag = tar.TypeDir
		case 'f':
			h.Typeflag, h.Size = tar.TypeReg, int64(len(e.target))
		case 'l':
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.target
		case 'h':
			h.Typeflag, h.Linkname = tar.TypeLink, e.target
		case 'p':
			h.Typeflag = tar.TypeFifo
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if e.kind == 'f' {
			if _, err := io.WriteString(w, e.target); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// rooted gives a root in a folder whose neighbour must stay as it is.
func rooted(t testing.TB) (root *os.Root, outside string) {
	t.Helper()
	base := t.TempDir()
	outside = filepath.Join(base, "outside")
	if err := errors.Join(os.Mkdir(filepath.Join(base, "root"), 0o755), os.Mkdir(outside, 0o755), os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600)); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(filepath.Join(base, "root"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, outside
}

func untouched(t testing.TB, outside string) {
	t.Helper()
	entries, err := os.ReadDir(outside)
	content, readErr := os.ReadFile(filepath.Join(outside, "secret"))
	info, statErr := os.Stat(filepath.Join(outside, "secret"))
	if err := errors.Join(err, readErr, statErr); err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || string(content) != "s" || info.Mode() != 0o600 {
		t.Errorf("outside was touched: %v %q %v", entries, content, info.Mode())
	}
	siblings, err := os.ReadDir(filepath.Dir(outside))
	if err != nil || len(siblings) != 2 {
		t.Errorf("beside the root: %v, %v", siblings, err)
	}
}

func TestATreeSurvivesPackAndUnpack(t *testing.T) {
	t.Parallel()
	from, _ := rooted(t)
	data := archive(t, entry{'d', "empty/", "", 0o700}, entry{'d', "closed", "", 0o555}, entry{'f', "closed/run", "#!/bin/sh\n", 0o755},
		entry{'f', "a/b/ünï", strings.Repeat("x", 100_000), 0o640}, entry{'l', "a/link", "b/ünï", 0}, entry{'l', "dangling", "nowhere", 0}, entry{'h', "hard", "closed/run", 0})
	if n, err := Unpack(t.Context(), bytes.NewReader(data), from); err != nil || n.Files != 7 || n.Bytes != 100_010 {
		t.Fatalf("%+v, %v", n, err)
	}
	var b bytes.Buffer
	packed, err := Pack(t.Context(), &b, from, ".")
	if err != nil || len(packed.Skipped) != 0 {
		t.Fatalf("%+v, %v", packed, err)
	}
	to, _ := rooted(t)
	if _, err := Unpack(t.Context(), &b, to); err != nil {
		t.Fatal(err)
	}
	want, got := listing(t, from), listing(t, to)
	if !slices.Equal(want, got) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !slices.Contains(got, "-rwxr-xr-x 2001-09-09T01:46:40.5Z closed/run ") || !slices.Contains(got, "dr-xr-xr-x 2001-09-09T01:46:40.5Z closed ") {
		t.Errorf("modes or times are lost:\n%s", strings.Join(got, "\n"))
	}
}

// listing describes every file below root: mode, time, name, target.
func listing(t *testing.T, root *os.Root) []string {
	t.Helper()
	var lines []string
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		when, target := info.ModTime().UTC().Format(time.RFC3339Nano), ""
		if info.Mode()&fs.ModeSymlink != 0 {
			when = "" // a link's own time is not kept
			if target, err = root.Readlink(name); err != nil {
				return err
			}
		} else if name == "a" || name == "a/b" {
			when = "" // made on the way
		}
		lines = append(lines, info.Mode().String()+" "+when+" "+name+" "+target)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestUnpackRefusesWhatLeadsOut(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]entry{
		"a name that climbs":              {{'f', "../outside/x", "x", 0}},
		"a name that climbs from within":  {{'f', "a/../../outside/x", "x", 0}},
		"an absolute name":                {{'f', "/tmp/x", "x", 0}},
		"an empty name":                   {{'f', "", "x", 0}},
		"an absolute link":                {{'l', "l", "/etc", 0}},
		"a link that climbs":              {{'l', "l", "../outside", 0}},
		"a link that climbs over a link":  {{'d', "x/y", "", 0}, {'l', "x/y/d", "../..", 0}, {'l', "x/y/e", "d/../..", 0}},
		"a hard link that climbs":         {{'h', "h", "../outside/secret", 0}},
		"a folder that climbs":            {{'d', "../outside/d", "", 0}},
		"a pipe":                          {{'p', "p", "", 0}},
		"a file through a link out":       {{'l', "a", "b", 0}, {'l', "b", "../outside", 0}, {'f', "a/x", "x", 0}},
		"a file through the work dir's":   {{'f', "old/x", "x", 0}},
		"a folder through the work dir's": {{'d', "old/d", "", 0}},
		"a hard link to the outside":      {{'h', "h", "old/secret", 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, outside := rooted(t)
			if err := root.Symlink("../outside", "old"); err != nil {
				t.Fatal(err)
			}
			_, err := Unpack(t.Context(), bytes.NewReader(archive(t, entries...)), root)
			if wire.CodeOf(err) != wire.CodeForbidden {
				t.Errorf("error %v", err)
			}
			untouched(t, outside)
			if _, err := root.Lstat("x/y/e"); err == nil {
				t.Error("a link that leads out was left")
			}
		})
	}
}

func TestUnpackReplacesFilesWholeAndRefusesToMixKinds(t *testing.T) {
	t.Parallel()
	root, outside := rooted(t)
	if err := errors.Join(root.WriteFile("f", []byte("old"), 0o600), root.Mkdir("d", 0o755), root.Symlink("../outside/secret", "l")); err != nil {
		t.Fatal(err)
	}
	// A link in the way is replaced, not followed.
	if _, err := Unpack(t.Context(), bytes.NewReader(archive(t, entry{'f', "f", "new", 0o4755}, entry{'f', "l", "mine", 0})), root); err != nil {
		t.Fatal(err)
	}
	untouched(t, outside)
	info, err := root.Lstat("f")
	if err != nil || info.Mode() != 0o755 {
		t.Errorf("mode %v, %v: the set-uid bit must go", info.Mode(), err)
	}
	for _, e := range []entry{{'f', "d", "x", 0}, {'d', "f", "", 0}, {'f', "f/x", "x", 0}} {
		if _, err := Unpack(t.Context(), bytes.NewReader(archive(t, e)), root); wire.CodeOf(err) != wire.CodeFailed {
			t.Errorf("%c %s: %v", e.kind, e.name, err)
		}
	}
	cut := archive(t, entry{'f', "f", strings.Repeat("y", 5000), 0})[:3000]
	if _, err := Unpack(t.Context(), bytes.NewReader(cut), root); err == nil {
		t.Error("a tar that was cut off unpacked")
	}
	if b, err := root.ReadFile("f"); err != nil || string(b) != "new" {
		t.Errorf("a file cut off on its way replaced the old one: %q, %v", b, err)
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil || len(entries) != 3 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestPackKeepsToTheRoot(t *testing.T) {
	t.Parallel()
	root, _ := rooted(t)
	if err := errors.Join(root.MkdirAll("d/sub", 0o755), root.WriteFile("d/f", []byte("hello"), 0o644), root.Symlink("f", "d/in"), root.Symlink("../../outside", "d/out"),
		root.Symlink("/etc/passwd", "d/abs"), root.Symlink("../outside", "door"), syscall.Mkfifo(filepath.Join(root.Name(), "d/pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	packed, err := Pack(t.Context(), &b, root, "d")
	if err != nil {
		t.Fatal(err)
	}
	if len(packed.Skipped) != 3 || packed.Bytes != 5 {
		t.Errorf("%+v", packed)
	}
	var names []string
	for r := tar.NewReader(&b); ; {
		h, err := r.Next()
		if err != nil {
			break
		}
		names = append(names, h.Name)
	}
	if want := []string{"./", "f", "in", "sub/"}; !slices.Equal(names, want) {
		t.Errorf("entries %q, want %q", names, want)
	}
	for _, name := range []string{"door", "door/secret", "../outside", "/etc/passwd", "d/abs", ""} {
		if _, err := Pack(t.Context(), io.Discard, root, name); wire.CodeOf(err) != wire.CodeForbidden {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := Pack(t.Context(), io.Discard, root, "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	b.Reset()
	if _, err := Pack(t.Context(), &b, root, "d/f"); err != nil {
		t.Fatal(err)
	}
	if h, err := tar.NewReader(&b).Next(); err != nil || h.Name != "f" {
		t.Errorf("a file's entry: %+v, %v", h, err)
	}
}

func TestPackWritesAFileOfSeveralNamesOnceForEach(t *testing.T) {
	t.Parallel()
	root, _ := rooted(t)
	if err := errors.Join(root.WriteFile("a", []byte("both"), 0o644), root.Link("a", "b")); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if packed, err := Pack(t.Context(), &b, root, "."); err != nil || packed.Bytes != 8 {
		t.Fatalf("%+v, %v", packed, err)
	}
	to, _ := rooted(t)
	if _, err := Unpack(t.Context(), &b, to); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if got, err := to.ReadFile(name); err != nil || string(got) != "both" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestACallerThatGoesAwayStopsTheCopy(t *testing.T) {
	t.Parallel()
	root, _ := rooted(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Unpack(ctx, bytes.NewReader(archive(t, entry{'f', "f", "x", 0})), root); !errors.Is(err, context.Canceled) {
		t.Errorf("unpack: %v", err)
	}
	if _, err := Pack(ctx, io.Discard, root, "."); !errors.Is(err, context.Canceled) {
		t.Errorf("pack: %v", err)
	}
}
