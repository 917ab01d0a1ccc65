package cluster

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gascity/agentd/test/binaries"
	"github.com/gascity/agentd/test/cluster/archive"
)

// Derive gives the cluster an image that is the agents' one (which has a shell and curl) with changes, under a name that it has alone, and returns
// that. With another cluster than that of `make cluster-up` the test is skipped: it is given no images.
func (c *Cluster) Derive(t testing.TB, changes ...archive.Change) (name string) {
	t.Helper()
	return c.derive(t, nil, changes)
}

// DeriveAs is Derive with names of the test's own, which containerd then finds where it would have pulled them.
func (c *Cluster) DeriveAs(t testing.TB, names []string, changes ...archive.Change) {
	t.Helper()
	c.derive(t, names, changes)
}

func (c *Cluster) derive(t testing.TB, names []string, changes []archive.Change) string {
	t.Helper()
	if c.script == "" {
		t.Skip("E2E_KUBECONFIG is set: that cluster is not given an image of this test's")
	}
	root, err := binaries.Root()
	if err != nil {
		t.Fatal(err)
	}
	image, err := archive.Read(filepath.Join(root, "dist", "agent.tar"))
	for _, change := range changes {
		if err == nil {
			image, err = change(image)
		}
	}
	if err == nil && len(names) == 0 {
		var name string
		name, err = archive.Name(image)
		names = []string{name}
	}
	if err != nil {
		t.Fatalf("derive an image: %v", err)
	}
	file := filepath.Join(t.TempDir(), "image.tar")
	if err := archive.Write(file, image, names...); err != nil {
		t.Fatalf("write an image: %v", err)
	}
	if out, err := exec.CommandContext(t.Context(), c.script, "load", file).CombinedOutput(); err != nil {
		t.Fatalf("load an image: %v\n%s", err, out)
	}
	return names[0]
}
