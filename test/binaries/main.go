package binaries

import (
	"fmt"
	"os"
	"os/exec"
)

// Test runs tests that drive the programs in tmux: it builds the programs, says in *dir where, and removes them afterwards. It gives the status for
// TestMain to exit with. Without tmux nothing is run, which is no success where AGENTD_REQUIRE_ALL is set.
func Test(m interface{ Run() int }, dir *string) int {
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("AGENTD_REQUIRE_ALL") != "" {
			fmt.Fprintln(os.Stderr, "tmux is not installed")
			return 1
		}
		fmt.Fprintln(os.Stderr, "skipped: tmux is not installed")
		return 0
	}
	programs, err := os.MkdirTemp("", "programs")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(programs)
	if err := Build(programs); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	*dir = programs
	return m.Run()
}
