package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// made changes with the way in which layers are made of their ingredients.
const made = "2"

// cached returns the layer that is made from these ingredients: the one of an earlier run, or a new one of what fill writes.
func cached(dir, name string, ingredients []string, fill func(*tar.Writer) error) (v1.Layer, error) {
	sum := sha256.Sum256([]byte(made + "\x00" + strings.Join(ingredients, "\x00")))
	file := filepath.Join(dir, name+"-"+hex.EncodeToString(sum[:8])+".tar.gz")
	if l, err := openLayer(file); err == nil {
		return partial.CompressedToLayer(l)
	}
	say("making layer %s", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	l, err := writeLayer(file, fill)
	if err != nil {
		return nil, fmt.Errorf("layer %s: %w", name, err)
	}
	return partial.CompressedToLayer(l)
}

// layer is a compressed file whose sums are known, so that an image can be put together without reading its big parts more than once.
type layer struct {
	file   string
	Packed v1.Hash
	Plain  v1.Hash
	Bytes  int64
}

func (l *layer) Digest() (v1.Hash, error)            { return l.Packed, nil }
func (l *layer) DiffID() (v1.Hash, error)            { return l.Plain, nil }
func (l *layer) Size() (int64, error)                { return l.Bytes, nil }
func (l *layer) MediaType() (types.MediaType, error) { return types.DockerLayer, nil }
func (l *layer) Compressed() (io.ReadCloser, error)  { return os.Open(l.file) }

func openLayer(file string) (*layer, error) {
	sums, err := os.ReadFile(file + ".json")
	if err != nil {
		return nil, err
	}
	l := &layer{file: file}
	if err := json.Unmarshal(sums, l); err != nil {
		return nil, err
	}
	if info, err := os.Stat(file); err != nil || info.Size() != l.Bytes {
		return nil, fmt.Errorf("%s is not what it was", file)
	}
	return l, nil
}

// writeLayer makes the file and its sums, the sums last: a run that is cut off leaves nothing that looks whole.
func writeLayer(file string, fill func(*tar.Writer) error) (*layer, error) {
	f, err := os.CreateTemp(filepath.Dir(file), "unfinished-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	packed, plain := sha256.New(), sha256.New()
	zip := gzip.NewWriter(io.MultiWriter(f, packed))
	files := tar.NewWriter(io.MultiWriter(zip, plain))
	if err := fill(files); err != nil {
		return nil, err
	}
	if err := errors.Join(files.Close(), zip.Close()); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	l := &layer{
		file: file, Bytes: info.Size(),
		Packed: v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(packed.Sum(nil))},
		Plain:  v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(plain.Sum(nil))},
	}
	sums, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Chmod(0o644), f.Close(), os.Rename(f.Name(), file)); err != nil {
		return nil, err
	}
	return l, os.WriteFile(file+".json", sums, 0o644)
}
