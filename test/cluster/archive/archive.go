// Package archive makes image archives for a cluster of `make cluster-up`, which pulls from no registry: of the agents' image, with more in it, or under
// another name.
package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Read reads an image from an archive.
func Read(file string) (v1.Image, error) {
	image, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		return nil, fmt.Errorf("read the image archive %s (is it there? make image): %w", file, err)
	}
	return image, nil
}

// Change makes another image of one.
type Change func(v1.Image) (v1.Image, error)

// With puts programs into an image's /usr/local/bin.
func With(programs ...string) Change {
	return func(image v1.Image) (v1.Image, error) {
		var files []File
		for _, program := range programs {
			b, err := os.ReadFile(program)
			if err != nil {
				return nil, err
			}
			files = append(files, File{Path: "usr/local/bin/" + filepath.Base(program), Mode: 0o755, Content: b})
		}
		return layered(image, files)
	}
}

// Without takes programs out of an image's /usr/local/bin.
func Without(programs ...string) Change {
	var files []File
	for _, program := range programs {
		files = append(files, File{Path: "usr/local/bin/.wh." + program}) // an upper layer's word for what it hides of those below
	}
	return WithFiles(files...)
}

// File is a file of an image.
type File struct {
	Path    string // from the root, without a slash before it
	Mode    int64
	Content []byte
}

// WithFiles puts files into an image. They are root's.
func WithFiles(files ...File) Change {
	return func(image v1.Image) (v1.Image, error) { return layered(image, files) }
}

func layered(image v1.Image, files []File) (v1.Image, error) {
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.Path, Mode: f.Mode, Size: int64(len(f.Content)), Typeflag: tar.TypeReg}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content.Bytes())), nil }
	layer, err := tarball.LayerFromOpener(opener, tarball.WithCompressionLevel(gzip.NoCompression)) // under the race detector compressing takes minutes
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(image, layer)
}

// Name is a name that an image has alone: another content has another.
func Name(image v1.Image) (string, error) {
	digest, err := image.ConfigName()
	if err != nil {
		return "", err
	}
	return "localhost/derived:" + digest.Hex[:12], nil
}

// Write writes an image as an archive, under all of the names.
func Write(file string, image v1.Image, names ...string) error {
	images := map[name.Tag]v1.Image{}
	for _, n := range names {
		tag, err := name.NewTag(n)
		if err != nil {
			return fmt.Errorf("image name %q: %w", n, err)
		}
		images[tag] = image
	}
	return tarball.MultiWriteToFile(file, images)
}
