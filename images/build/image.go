package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// clients are the programs that speak to a cluster, which the image of gcctl carries.
var clients = []string{"gcctl", "gc-session-k8s", "gc-events-k8s"}

// agentdLimit bounds the image that carries just agentd: it is pulled on each node, and copied at the start of each pod that uses it.
const agentdLimit = 12 << 20

// image is one of those to make.
type image struct {
	dockerfile string // below the repository
	name       string
	archive    string
	// layers are what its Dockerfile says, made without an engine.
	layers func(ctx context.Context, o order, r recipe) ([]v1.Layer, error)
	limit  int64 // of its files' size; 0 for none
}

// size is that of an image's layers.
type size struct{ packed, unpacked int64 }

func megabytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// measure reads the whole archive, and so finds one that is broken.
func measure(archive string) (size, error) {
	var s size
	img, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		return s, fmt.Errorf("read the archive: %w", err)
	}
	layers, err := img.Layers()
	if err != nil {
		return s, fmt.Errorf("read the archive's layers: %w", err)
	}
	for _, layer := range layers {
		packed, err := layer.Size()
		if err != nil {
			return s, fmt.Errorf("read a layer: %w", err)
		}
		files, err := layer.Uncompressed()
		if err != nil {
			return s, fmt.Errorf("unpack a layer: %w", err)
		}
		unpacked, err := io.Copy(io.Discard, files)
		if err := errors.Join(err, files.Close()); err != nil {
			return s, fmt.Errorf("unpack a layer: %w", err)
		}
		s.packed += packed
		s.unpacked += unpacked
	}
	return s, nil
}

var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// checkBinary refuses a program that would not start in every image: one that wants a dynamic loader, or another machine.
func checkBinary(path, arch string) error {
	machine, known := machines[arch]
	if !known {
		return fmt.Errorf("no images for architecture %q: amd64 and arm64 can be had", arch)
	}
	f, err := elf.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing: `make image` builds it", path)
	}
	if err != nil {
		return fmt.Errorf("%s is no Linux program: %w", path, err)
	}
	defer f.Close()
	if f.Machine != machine {
		return fmt.Errorf("%s is for %s, not for %s", path, f.Machine, arch)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is not static: build it with CGO_ENABLED=0", path)
		}
	}
	return nil
}
