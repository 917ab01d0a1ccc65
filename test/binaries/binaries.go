// Package binaries builds the project's programs the way they are released, for tests and benchmarks that run the real thing.
package binaries

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Programs are the names of all programs.
var Programs = []string{"agentd", "gcctl", "gc-session-local", "gc-session-k8s", "gc-events-local", "gc-events-k8s"}

// Build puts all programs into dir. The go command's cache makes a second build cheap.
func Build(dir string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	return build(root, dir)
}

// BuildOther puts programs of another version into dir: the same source, committed to a repository of its own under the given tag. tmp holds the
// copy of the source, which the caller removes.
func BuildOther(tmp, dir, tag string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	source := filepath.Join(tmp, "source")
	for _, part := range []string{"agentd", "client", "cmd"} {
		if err := os.CopyFS(filepath.Join(source, part), onlyGo(filepath.Join(root, part))); err != nil {
			return fmt.Errorf("copy the source: %w", err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(source, name), b, 0o644); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "-A"},
		{"-c", "user.name=test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false", "commit", "-q", "-m", "copy"},
		{"-c", "tag.gpgsign=false", "tag", tag},
	} {
		if err := run(source, nil, "git", args...); err != nil {
			return err
		}
	}
	return build(source, dir)
}

// Root is the folder of this module's source.
func Root() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gascity/agentd").Output()
	if err != nil {
		return "", fmt.Errorf("find the module's folder: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

func build(source, dir string) error {
	args := []string{"build", "-trimpath", "-buildvcs=auto", "-ldflags", "-s -w", "-o", dir + "/"}
	for _, p := range Programs {
		args = append(args, "./cmd/"+p)
	}
	return run(source, []string{"CGO_ENABLED=0"}, "go", args...)
}

func run(dir string, env []string, program string, args ...string) error {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, out)
	}
	return nil
}
