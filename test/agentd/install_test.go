package agentd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestInstallCopiesTheProgramWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "agentd")
	for _, before := range []string{"nothing", "an older one"} {
		if before != "nothing" {
			if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if status, out := command(t, nil, "install", path); status != 0 || out != "" {
			t.Fatalf("over %s: status %d, %q", before, status, out)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o755 {
			t.Errorf("over %s: mode %v", before, info.Mode())
		}
		if read(t, path) != read(t, filepath.Join(programs, "agentd")) {
			t.Errorf("over %s: another program was installed", before)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("in the folder: %v, %v", left, err)
	}
}

func TestInstallOverTheRunningProgramLeavesThatAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "agentd")
	if status, out := command(t, nil, "install", path); status != 0 {
		t.Fatalf("status %d, %q", status, out)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if status, out := outcome(t, exec.CommandContext(t.Context(), path, "install", path)); status != 0 {
		t.Fatalf("over itself: status %d, %q", status, out)
	}
	if after, err := os.Stat(path); err != nil || os.SameFile(before, after) {
		t.Errorf("the program was written over: %v", err)
	}
}

func TestInstallSaysWhyItCannot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no path":      {nil, "1 arg"},
		"a folder":     {[]string{dir}, "is a folder"},
		"no folder":    {[]string{filepath.Join(dir, "none", "agentd")}, "no such file"},
		"two of them":  {[]string{"a", "b"}, "1 arg"},
		"not a folder": {[]string{"/dev/null/agentd"}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, out := command(t, nil, append([]string{"install"}, c.args...)...)
			if status != 1 || !strings.Contains(out, c.want) || !strings.HasPrefix(out, "agentd: ") {
				t.Errorf("status %d, %q; want 1, and %q in it", status, out, c.want)
			}
		})
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
