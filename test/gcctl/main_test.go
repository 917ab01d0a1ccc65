// Package gcctl_test drives gcctl the way people do: on command lines and at terminals.
package gcctl_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/gascity/agentd/test/binaries"
)

// programs is the folder of the programs that the tests run.
var programs string

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("AGENTD_REQUIRE_ALL") != "" {
			fmt.Fprintln(os.Stderr, "tmux is not installed")
			return 1
		}
		fmt.Fprintln(os.Stderr, "skipped: tmux is not installed")
		return 0
	}
	dir, err := os.MkdirTemp("", "gcctl")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	programs = dir
	if err := binaries.Build(programs); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
