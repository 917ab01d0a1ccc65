package process

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// start runs a shell script that prints a line once it is set up, and ends with its test.
func start(t *testing.T, script string) int {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

func TestAliveMatchesCommAndArgv0AndNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Fatal(err)
	}
	agent := filepath.Join(dir, "an-agent-with-a-name-over-fifteen")
	if err := os.Symlink(cat, agent); err != nil {
		t.Fatal(err)
	}
	// The shell stays (a command follows), and mentions a name in its command line that no process has.
	root := start(t, `echo up; `+agent+` - ; : claude`)
	// The child counts once it is what it was started for: before, it is a copy of the shell.
	waitFor(t, func() bool {
		all, err := tree(root)
		return err == nil && slices.ContainsFunc(all, func(p info) bool { return p.argv0 == agent })
	})
	for name, c := range map[string]struct {
		names []string
		want  bool
	}{
		"the pane's own process":            {[]string{"sh"}, true},
		"a descendant's argv[0]":            {[]string{"an-agent-with-a-name-over-fifteen"}, true},
		"a comm, which ends at 15 bytes":    {[]string{"an-agent-with-a"}, true},
		"one of several":                    {[]string{"nothing", "sh"}, true},
		"a word of a command line":          {[]string{"claude"}, false},
		"a part of a name":                  {[]string{"an-agent"}, false},
		"the whole path":                    {[]string{agent}, false},
		"no name":                           {nil, false},
		"an empty name":                     {[]string{""}, false},
		"a process outside of the tree too": {[]string{"process.test"}, false},
	} {
		got, err := Alive(root, c.names)
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestAZombieIsNotAlive(t *testing.T) {
	t.Parallel()
	// exec leaves the shell's child to a parent that never waits.
	root := start(t, `(exec sleep 0.2) & echo up; exec cat`)
	waitFor(t, func() bool {
		all, err := tree(root)
		return err == nil && slices.ContainsFunc(all, func(p info) bool { return p.zombie })
	})
	if alive, err := Alive(root, []string{"sleep"}); err != nil || alive {
		t.Errorf("the zombie counts: %v, %v", alive, err)
	}
	if pids, err := Tree(root); err != nil || !slices.Equal(pids, []int{root}) {
		t.Errorf("tree %v of %d, %v", pids, root, err)
	}
}

func TestAProcessThatEndedHasNoTree(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if pids, err := Tree(cmd.Process.Pid); err != nil || len(pids) != 0 {
		t.Errorf("tree %v, %v", pids, err)
	}
}

// waitFor waits for something that the kernel tells nobody of.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("never came true")
		}
		runtime.Gosched()
	}
}
