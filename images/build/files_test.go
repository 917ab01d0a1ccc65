package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func write(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), mode), os.Chmod(file, mode)); err != nil {
		t.Fatal(err)
	}
}

// tree makes a folder whose files were written at some time, under some umask.
func tree(t *testing.T, at time.Time, group os.FileMode) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "lib/tool/run"), "#!/bin/sh\n", 0o700|group)
	write(t, filepath.Join(dir, "lib/tool/data"), "data", 0o600|group)
	err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "bin"), 0o755),
		os.Symlink("../lib/tool/run", filepath.Join(dir, "bin/tool")),
		os.Link(filepath.Join(dir, "lib/tool/run"), filepath.Join(dir, "lib/tool/run2")),
		os.Chtimes(filepath.Join(dir, "lib/tool/data"), at, at),
	)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTreeKeepsModesAndLinks(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := errors.Join(addTree(w, tree(t, time.Now(), 0), "usr/local"), w.Close()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"usr/local/ 5 755 ", "usr/local/bin/ 5 755 ", "usr/local/bin/tool 2 777 ../lib/tool/run", "usr/local/lib/ 5 755 ",
		"usr/local/lib/tool/ 5 755 ", "usr/local/lib/tool/data 0 644 ", "usr/local/lib/tool/run 0 755 ", "usr/local/lib/tool/run2 1 755 usr/local/lib/tool/run",
	}
	if got := entries(t, &b); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// entries lists a tar, a line an entry, and sees to it that all belong to root and none tells a time.
func entries(t *testing.T, r io.Reader) (list []string) {
	t.Helper()
	for files := tar.NewReader(r); ; {
		h, err := files.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Uname != "" || !h.ModTime.Equal(madeAt) {
			t.Errorf("%s belongs to %d (%s) and is of %s", h.Name, h.Uid, h.Uname, h.ModTime)
		}
		list = append(list, fmt.Sprintf("%s %c %o %s", h.Name, h.Typeflag, h.Mode, h.Linkname))
	}
}

func TestRootIsFreedOfWhatDiffersFromRunToRun(t *testing.T) {
	t.Parallel()
	var system, b bytes.Buffer
	in := tar.NewWriter(&system)
	for _, h := range []tar.Header{
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./dev/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./dev/null", Typeflag: tar.TypeChar, Mode: 0o666},
		{Name: "./etc/resolv.conf", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "./tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "./tmp/x", Typeflag: tar.TypeReg},
		{Name: "./usr/bin/perl", Typeflag: tar.TypeReg, Mode: 0o755, Uname: "root"},
		{Name: "./usr/bin/perl5", Typeflag: tar.TypeLink, Linkname: "./usr/bin/perl", Mode: 0o755},
		{Name: "./usr/bin/su", Typeflag: tar.TypeReg, Mode: 0o4755},
		{Name: "./var/log/apt/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./var/log/apt/history.log", Typeflag: tar.TypeReg, Mode: 0o644},
	} {
		h.ModTime = time.Now()
		if err := in.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	out := tar.NewWriter(&b)
	if err := errors.Join(in.Close(), addRoot(out, &system), out.Close()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"dev/ 5 755 ", "tmp/ 5 1777 ", "usr/bin/perl 0 755 ", "usr/bin/perl5 1 755 usr/bin/perl", "usr/bin/su 0 4755 ", "var/log/apt/ 5 755 ",
	}
	if got := entries(t, &b); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
