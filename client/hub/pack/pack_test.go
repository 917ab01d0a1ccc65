package pack

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// packed packs with fill, and gives the entries as "kind mode content" by their names, and the warnings.
func packed(t *testing.T, skip func(src, entry string) bool, fill func(*Packer) error) (map[string]string, []string) {
	t.Helper()
	var out bytes.Buffer
	var warnings []string
	p := New(t.Context(), &out, func(w string) { warnings = append(warnings, w) }, skip)
	if err := errors.Join(fill(p), p.Close()); err != nil {
		t.Fatal(err)
	}
	entries := map[string]string{}
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if err == io.EOF {
			return entries, warnings
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := entries[h.Name]; twice {
			t.Errorf("%q is there twice", h.Name)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" {
			t.Errorf("%q bears its owner", h.Name)
		}
		entries[h.Name] = fmt.Sprintf("%c %o %s%s", h.Typeflag, h.Mode, h.Linkname, content)
	}
}

// source is a folder with one of each.
func source(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	err := errors.Join(
		os.WriteFile(outside, []byte("from outside"), 0o600),
		os.MkdirAll(filepath.Join(dir, "sub", "empty"), 0o755),
		os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o644),
		os.WriteFile(filepath.Join(dir, ".hidden"), nil, 0o600),
		os.WriteFile(filepath.Join(dir, "sub", "run.sh"), []byte("#!/bin/sh\n"), 0o755),
		os.Symlink("../file", filepath.Join(dir, "sub", "within")),
		os.Symlink(outside, filepath.Join(dir, "out")),
		os.Symlink(filepath.Join(dir, "sub", "run.sh"), filepath.Join(dir, "sub", "absolute")),
		os.Symlink(filepath.Join(dir, "sub", "within"), filepath.Join(dir, "to-a-link")),
		os.Symlink(filepath.Dir(outside), filepath.Join(dir, "folder-out")),
		os.Symlink("nowhere", filepath.Join(dir, "dangling")),
		os.Symlink("/nowhere", filepath.Join(dir, "dangling-out")),
		syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAFolderIsPackedWithAllThatMeansSomethingElsewhere(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"sub/": "5 755 ", "sub/empty/": "5 755 ", "file": "0 644 content", ".hidden": "0 600 ", "sub/run.sh": "0 755 #!/bin/sh\n", "sub/within": "2 777 ../file",
		"out": "0 600 from outside", "dangling": "2 777 nowhere",
		"sub/absolute": "2 777 run.sh", "to-a-link": "2 777 sub/within",
	}
	dir := source(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, src := range []string{dir, dir + "/", link} {
		got, warnings := packed(t, nil, func(p *Packer) error { return p.Dir(src, "") })
		if !maps.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", src, got, want)
		}
		if all := strings.Join(warnings, "\n"); len(warnings) != 2 || !strings.Contains(all, "pipe") || !strings.Contains(all, "folder-out") {
			t.Errorf("%s: warnings %q", src, warnings)
		}
	}
	below := map[string]string{}
	for name, content := range want {
		below["a/b/"+name] = content
	}
	below["a/b/"] = "5 700 "
	got, _ := packed(t, nil, func(p *Packer) error { return p.Path(dir, "a/b") })
	below["a/b/"] = got["a/b/"] // the mode of a test's folder
	if !maps.Equal(got, below) || got["a/b/"] == "" {
		t.Errorf("under a name: got %q, want %q", got, below)
	}
}

func TestAFileIsPackedUnderTheNameThatIsMeant(t *testing.T) {
	t.Parallel()
	src := filepath.Join(source(t), "file")
	for at, want := range map[string]string{"": "file", "new": "new", "a/new": "a/new", "a/": "a/file", "a/../b": "b"} {
		got, _ := packed(t, nil, func(p *Packer) error { return p.Path(src, at) })
		if !maps.Equal(got, map[string]string{want: "0 644 content"}) {
			t.Errorf("at %q: got %q", at, got)
		}
	}
}

func TestWhatIsMissingOrSkippedIsNotPacked(t *testing.T) {
	t.Parallel()
	dir := source(t)
	got, warnings := packed(t, nil, func(p *Packer) error {
		return errors.Join(p.Dir(filepath.Join(dir, "none"), ""), p.Path(filepath.Join(dir, "none"), "x"))
	})
	if len(got)+len(warnings) != 0 {
		t.Errorf("got %q, %q", got, warnings)
	}
	got, _ = packed(t, func(src, entry string) bool { return entry == "file" && src == filepath.Join(dir, "file") }, func(p *Packer) error { return p.Dir(dir, "") })
	if _, ok := got["file"]; ok || len(got) != 9 {
		t.Errorf("got %q", got)
	}
	p := New(t.Context(), io.Discard, func(string) {}, nil)
	if err := p.Dir(filepath.Join(dir, "file"), ""); err == nil || !strings.Contains(err.Error(), "is not a folder") {
		t.Errorf("a file as a folder: %v", err)
	}
}

// What comes after a skipped folder is packed all the same, and so is what comes after a skipped link.
func TestASkippedFolderIsLeftOutWithAllInIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, folder := range []string{"a", ".gc/run", "b/.gc"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, folder, "file"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "c"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"a/.gc", "c/.gc", "c/link"} {
		if err := os.Symlink("../a/file", filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	got, warnings := packed(t, func(_, entry string) bool { return path.Base(entry) == ".gc" }, func(p *Packer) error { return p.Dir(dir, "") })
	if want := []string{"a/", "a/file", "b/", "c/", "c/link"}; !slices.Equal(slices.Sorted(maps.Keys(got)), want) || len(warnings) > 0 {
		t.Errorf("got %q, %q, want %q", got, warnings, want)
	}
}

func TestPackingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := New(ctx, io.Discard, func(string) {}, nil)
	if err := p.Dir(source(t), ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// full is a receiver that takes no more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestAReceiverThatGoesAwayEndsThePacking(t *testing.T) {
	t.Parallel()
	p := New(t.Context(), full{}, func(string) {}, nil)
	dir := source(t)
	if err := errors.Join(p.Dir(dir, ""), p.Close()); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("small files: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "large"), make([]byte, maxWhole+1), 0o600); err != nil {
		t.Fatal(err)
	}
	p = New(t.Context(), full{}, func(string) {}, nil)
	if err := p.Dir(dir, ""); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a large file: %v", err)
	}
}

// What a file says of itself and what is read of it may differ: it is changed meanwhile.
func TestAFileThatShrinksMeanwhileEndsInZerosAndOneThatGrowsIsCut(t *testing.T) {
	t.Parallel()
	const large = maxWhole + 10
	for name, c := range map[string]struct {
		said, there int64
		packed      string
		warning     string
	}{
		"a small one shrinks": {20, 10, "0123456789", ""},
		"a small one grows":   {5, 10, "01234", ""},
		"a large one shrinks": {large, 10, "0123456789" + strings.Repeat("\x00", large-10), fmt.Sprintf("the last %d bytes", large-10)},
		"a large one grows":   {large, large + 1, strings.Repeat("0123456789", large/10+1)[:large], ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, []byte(strings.Repeat("0123456789", int(c.there)/10+1)[:c.there]), 0o600); err != nil {
				t.Fatal(err)
			}
			got, warnings := packed(t, nil, func(p *Packer) error {
				f, err := os.Open(file)
				if err != nil {
					return err
				}
				defer f.Close()
				h := &tar.Header{Typeflag: tar.TypeReg, Name: "file", Mode: 0o600, Size: c.said}
				return errors.Join(p.sized(f, file, h), p.add(filepath.Dir(file), filepath.Dir(file), "after", folder(t, filepath.Dir(file))))
			})
			if want := "0 600 " + c.packed; got["file"] != want || got["after/"] == "" {
				t.Errorf("got %d bytes, want %d; then %q", len(got["file"]), len(want), got["after/"])
			}
			if all := strings.Join(warnings, "\n"); (all == "") != (c.warning == "") || !strings.Contains(all, c.warning) {
				t.Errorf("warnings %q, want %q", warnings, c.warning)
			}
		})
	}
}

func folder(t *testing.T, name string) fs.DirEntry {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return fs.FileInfoToDirEntry(info)
}

func TestASmallFileMaySaySomethingElseInTheSession(t *testing.T) {
	t.Parallel()
	src := source(t)
	if err := os.WriteFile(filepath.Join(src, "large"), make([]byte, maxEdited+1), 0o600); err != nil {
		t.Fatal(err)
	}
	got, _ := packed(t, nil, func(p *Packer) error {
		p.Edit = func(src string) func(string) string {
			if base := filepath.Base(src); base != "file" && base != "large" {
				return nil
			}
			return func(text string) string { return strings.ToUpper(text) + "!" }
		}
		return p.Dir(src, "")
	})
	if got["file"] != "0 644 CONTENT!" || got["sub/run.sh"] != "0 755 #!/bin/sh\n" || !strings.HasSuffix(got["large"], "\x00") {
		t.Errorf("got %.500q", got)
	}
}
