package main

import (
	"archive/tar"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// pack returns the layer of what fill writes.
func pack(t *testing.T, fill func(*tar.Writer) error) *layer {
	t.Helper()
	l, err := writeLayer(filepath.Join(t.TempDir(), "layer.tar.gz"), fill)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLayerOfATreeDependsOnItsContentAlone(t *testing.T) {
	t.Parallel()
	one := tree(t, time.Now(), 0)
	other := tree(t, time.Now().Add(-time.Hour), 0o040)
	a := pack(t, func(w *tar.Writer) error { return addTree(w, one, "usr/local") })
	b := pack(t, func(w *tar.Writer) error { return addTree(w, other, "usr/local") })
	if a.Packed != b.Packed || a.Plain != b.Plain {
		t.Errorf("the same files gave layers %s and %s", a.Packed, b.Packed)
	}
	write(t, filepath.Join(other, "lib/tool/data"), "date", 0o644)
	if c := pack(t, func(w *tar.Writer) error { return addTree(w, other, "usr/local") }); c.Plain == b.Plain {
		t.Error("another content gave the same layer")
	}
}

func TestLayerIsMadeOnceAndAgainWhenItIsBroken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "in")
	write(t, file, "content", 0o644)
	made := 0
	get := func(ingredient string) v1.Layer {
		t.Helper()
		l, err := cached(dir, "l", []string{ingredient}, func(w *tar.Writer) error { made++; return addFile(w, file, "in") })
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	get("a")
	if get("a"); made != 1 {
		t.Errorf("made %d times, want once", made)
	}
	if get("b"); made != 2 {
		t.Errorf("other ingredients: made %d times, want 2", made)
	}
	layers, _ := filepath.Glob(filepath.Join(dir, "l-*.tar.gz"))
	for _, l := range layers {
		if err := os.Truncate(l, 10); err != nil {
			t.Fatal(err)
		}
	}
	if get("a"); made != 3 {
		t.Errorf("broken: made %d times, want 3", made)
	}
}

func TestLayerThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broken := errors.New("no network")
	if _, err := cached(dir, "l", nil, func(*tar.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
