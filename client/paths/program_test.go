package paths

import (
	"os"
	"path/filepath"
	"testing"
)

// It changes the environment, which is the process's: none runs beside it.
func TestAProgramIsLookedForBesideThisOneThenOnPATH(t *testing.T) {
	beside, path := t.TempDir(), t.TempDir()
	t.Setenv("PATH", path)
	add := func(dir string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "agentd"), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	check := func(dir string) {
		t.Helper()
		if got, err := program(beside, "agentd"); err != nil || got != filepath.Join(dir, "agentd") {
			t.Errorf("got %q, %v, want the one in %s", got, err, dir)
		}
	}
	if _, err := program(beside, "agentd"); err == nil || err.Error() != "agentd is neither in "+beside+" nor on PATH" {
		t.Errorf("where there is none: %v", err)
	}
	add(path, 0o755)
	check(path)
	add(beside, 0o644) // is none that can be run
	check(path)
	if err := os.Chmod(filepath.Join(beside, "agentd"), 0o755); err != nil {
		t.Fatal(err)
	}
	check(beside)
	if err := os.Remove(filepath.Join(beside, "agentd")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(beside, "agentd"), 0o755); err != nil {
		t.Fatal(err)
	}
	check(path)
}
