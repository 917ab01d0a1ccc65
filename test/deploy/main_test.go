// Package deploy_test proves the manifests of deploy/: what they say, by reading them, and what they do, on the API server and kubelet of a cluster.
package deploy_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gascity/agentd/test/binaries"
	"github.com/gascity/agentd/test/cluster"
)

// variants are what deploy/ has to apply, by the folder's path in it.
var variants = []string{".", "overlays/passwordless-dolt", "overlays/controller"}

// root is the folder of the source.
func root(t *testing.T) string {
	t.Helper()
	dir, err := binaries.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// kustomization writes a user's own kustomization of a folder of deploy/, and returns where it is. More is what else it says.
func kustomization(t *testing.T, variant, namespace, more string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	resource, err := filepath.Rel(dir, filepath.Join(root(t), "deploy", variant))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("namespace: %s\nresources: [%q]\n%s", namespace, resource, more)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// build returns the manifests that a folder comes to. No cluster is asked.
func build(t *testing.T, dir string) string {
	t.Helper()
	kubectl := filepath.Join(root(t), "dist", "kubectl")
	if _, err := os.Stat(kubectl); err != nil {
		if kubectl, err = exec.LookPath("kubectl"); err != nil {
			if os.Getenv("AGENTD_REQUIRE_ALL") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), kubectl, "kustomize", dir)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 { // deprecations are told there
		t.Fatalf("kubectl kustomize %s: %v: %s", dir, err, stderr.String())
	}
	return stdout.String()
}

// apply applies a folder as a user does, and fails at warnings too, as those of pods that won't be let in.
func apply(t *testing.T, c *cluster.Cluster, dir string) {
	t.Helper()
	out, err := c.Try(t, "apply", "-k", dir, "--validate=strict")
	warnings := slices.DeleteFunc(strings.Split(out, "\n"), func(line string) bool {
		// The test's namespace is there before the first apply.
		return !strings.Contains(line, "Warning") || strings.Contains(line, "resource namespaces/")
	})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("kubectl apply -k: %v\n%s", err, out)
	}
}
