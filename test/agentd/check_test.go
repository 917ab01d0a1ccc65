package agentd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckTellsWhetherAnAgentCouldRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		programs []string
		status   int
		want     string
	}{
		"tmux and a shell": {[]string{"tmux", "sh"}, 0, "agentd "},
		"no tmux":          {[]string{"sh"}, 1, "agentd: tmux is not installed in the image"},
		"no shell":         {[]string{"tmux"}, 1, "agentd: there is no shell (sh) in the image"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, program := range test.programs {
				path, err := exec.LookPath(program)
				if err == nil {
					err = os.Symlink(path, filepath.Join(dir, program))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			status, out := command(t, []string{"PATH=" + dir}, "check")
			if status != test.status || !strings.HasPrefix(out, test.want) || strings.Count(out, "\n") != 1 {
				t.Errorf("status %d, %q; want %d, and %q", status, out, test.status, test.want)
			}
		})
	}
}
