package cluster

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Run runs kubectl, which must succeed, and returns what it printed to its standard output.
func (c *Cluster) Run(t testing.TB, args ...string) string {
	t.Helper()
	return c.RunWith(t, "", args...)
}

// RunWith is Run with standard input.
func (c *Cluster) RunWith(t testing.TB, input string, args ...string) string {
	t.Helper()
	cmd := c.command(t.Context(), args...)
	cmd.Stdin = strings.NewReader(input)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("kubectl %s: %v\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// Try runs kubectl, which may fail, and returns all that it printed.
func (c *Cluster) Try(t testing.TB, args ...string) (string, error) {
	t.Helper()
	out, err := c.command(t.Context(), args...).CombinedOutput()
	return string(out), err
}

func (c *Cluster) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Kubectl, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig)
	return cmd
}
