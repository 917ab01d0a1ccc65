package deploy_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/gascity/agentd/test/cluster"
)

// with makes an image of the agents' one (which has a shell and curl) with more programs in /usr/local/bin, loads it, and returns its name.
func with(t *testing.T, c *cluster.Cluster, image string, programs ...string) string {
	t.Helper()
	image, err := withPrograms(filepath.Join(root(t), "dist", "agent.tar"), filepath.Join(t.TempDir(), "image.tar"), image, programs, func(archive string) error {
		return run(filepath.Join(root(t), "test", "cluster", "cluster"), "load", archive)
	})
	if err != nil {
		t.Fatalf("make an image: %v (its base is made by make image)", err)
	}
	return image
}

func withPrograms(base, archive, image string, programs []string, load func(archive string) error) (string, error) {
	from, err := tarball.ImageFromPath(base, nil)
	if err != nil {
		return "", err
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	for _, program := range programs {
		b, err := os.ReadFile(program)
		if err != nil {
			return "", err
		}
		if err := w.WriteHeader(&tar.Header{Name: "usr/local/bin/" + filepath.Base(program), Mode: 0o755, Size: int64(len(b)), Typeflag: tar.TypeReg}); err != nil {
			return "", err
		}
		if _, err := w.Write(b); err != nil {
			return "", err
		}
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files.Bytes())), nil }
	layer, err := tarball.LayerFromOpener(opener, tarball.WithCompressionLevel(gzip.NoCompression)) // under the race detector compressing takes minutes
	if err != nil {
		return "", err
	}
	made, err := mutate.AppendLayers(from, layer)
	if err != nil {
		return "", err
	}
	digest, err := made.ConfigName()
	if err != nil {
		return "", err
	}
	tag, err := name.NewTag("localhost/" + image + ":" + digest.Hex[:12]) // another content is another image
	if err != nil {
		return "", err
	}
	if err := tarball.WriteToFile(archive, tag, made); err != nil {
		return "", err
	}
	return tag.String(), load(archive)
}

func run(program string, args ...string) error {
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, out)
	}
	return nil
}
