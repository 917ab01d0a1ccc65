package deploy_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gascity/agentd/test/cluster"
	"github.com/gascity/agentd/test/cluster/archive"
)

// with makes an image of the agents' one (which has a shell and curl) with more programs in /usr/local/bin, loads it, and returns its name.
func with(t *testing.T, c *cluster.Cluster, image string, programs ...string) string {
	t.Helper()
	image, err := withPrograms(filepath.Join(root(t), "dist", "agent.tar"), filepath.Join(t.TempDir(), "image.tar"), image, programs, func(file string) error {
		return run(filepath.Join(root(t), "test", "cluster", "cluster"), "load", file)
	})
	if err != nil {
		t.Fatalf("make an image: %v", err)
	}
	return image
}

func withPrograms(base, file, image string, programs []string, load func(file string) error) (string, error) {
	from, err := archive.Read(base)
	if err != nil {
		return "", err
	}
	made, err := archive.With(from, programs...)
	if err != nil {
		return "", err
	}
	digest, err := made.ConfigName()
	if err != nil {
		return "", err
	}
	name := "localhost/" + image + ":" + digest.Hex[:12] // another content is another image
	if err := archive.Write(file, made, name); err != nil {
		return "", err
	}
	return name, load(file)
}

func run(program string, args ...string) error {
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, out)
	}
	return nil
}
