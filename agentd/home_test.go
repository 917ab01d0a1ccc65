package agentd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheHomeIsTheOneGivenUnlessItCannotBeUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fallback := filepath.Join(dir, "run", "home")
	for name, c := range map[string]struct{ home, fallback, want string }{
		"there":                {dir, fallback, dir},
		"made":                 {filepath.Join(dir, "made", "home"), fallback, filepath.Join(dir, "made", "home")},
		"none":                 {"", fallback, fallback},
		"no folder":            {file, fallback, fallback},
		"below no folder":      {filepath.Join(file, "home"), fallback, fallback},
		"read-only":            {"/proc", fallback, fallback}, // for root, too
		"nothing else to take": {"/proc", "", "/proc"},
	} {
		got, err := usableHome(c.home, c.fallback)
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
	if _, err := usableHome("/proc/home", file); err == nil || !strings.Contains(err.Error(), "/proc/home") || !strings.Contains(err.Error(), file) {
		t.Errorf("with no home at all: %v", err)
	}
	for _, home := range []string{dir, fallback} {
		if left, _ := filepath.Glob(filepath.Join(home, ".agentd-*")); len(left) != 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}
