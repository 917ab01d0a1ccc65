package local

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
)

// tree runs a shell script that prints that many lines, each a name and a pid. What it starts copies descriptor 3 to nowhere, and so ends with the test.
func tree(t *testing.T, lines int, script string, env ...string) map[string]int {
	t.Helper()
	cmd := exec.Command("sh", "-c", "exec 3<&0; "+script)
	cmd.Env = append(os.Environ(), env...)
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
	pids := map[string]int{}
	out := bufio.NewReader(stdout)
	for range lines {
		var name string
		var pid int
		if _, err := fmt.Fscanln(out, &name, &pid); err != nil {
			t.Fatal(err)
		}
		pids[name] = pid
	}
	return pids
}

func found(t *testing.T, run string, roots ...int) []int {
	t.Helper()
	list, err := sessionProcesses(run, roots)
	if err != nil {
		t.Fatal(err)
	}
	return pids(list)
}

func TestTheProcessesOfASessionAreFoundByDescentAndByMark(t *testing.T) {
	t.Parallel()
	run := t.TempDir()
	p := tree(t, 3, `echo root $$; sh -c 'echo child $$; sh -c "echo grandchild \$\$; cat <&3; :"; :' & wait`)
	q := tree(t, 1, `echo marked $$; cat <&3; :`, "TMUX="+tmuxSocket(run)+",1,0")
	r := tree(t, 1, `echo other $$; cat <&3; :`, "TMUX="+tmuxSocket(run+"2")+",1,0", "XTMUX="+tmuxSocket(run)+",1,0")
	s := tree(t, 1, `exec sh -c 'echo agentd $$; cat <&3; :' agentd init --run-dir `+run+` --state-dir /x`)
	got := found(t, run, p["root"])
	for name, pid := range map[string]int{"root": p["root"], "child": p["child"], "grandchild": p["grandchild"], "marked": q["marked"], "agentd": s["agentd"]} {
		if !slices.Contains(got, pid) {
			t.Errorf("the %s is not found", name)
		}
	}
	if slices.Contains(got, r["other"]) || slices.Contains(got, os.Getpid()) {
		t.Errorf("another session's process, or this one, is found: %v", got)
	}
	// No root, and what no process or every process descends from.
	for _, root := range []int{0, 1, -1} {
		if got := found(t, run, root); slices.Contains(got, p["root"]) || !slices.Contains(got, q["marked"]) {
			t.Errorf("with the root %d: found %v", root, got)
		}
	}
}

// A hub that the session's agent started, and the agentd of another session below it.
func TestWhatWasStartedToOutliveASessionIsNoneOfIt(t *testing.T) {
	t.Parallel()
	p := tree(t, 3, `echo root $$; `+wire.DetachedEnv+`=1 sh -c 'echo hub $$; sh -c "echo below \$\$; cat <&3; :"; :' & wait`)
	got := found(t, t.TempDir(), p["root"])
	if !slices.Contains(got, p["root"]) || slices.Contains(got, p["hub"]) || slices.Contains(got, p["below"]) {
		t.Errorf("found %v of %v", got, p)
	}
	// A root is meant, however it was started: agentd itself.
	if got := found(t, t.TempDir(), p["hub"]); !slices.Contains(got, p["hub"]) {
		t.Errorf("as a root: found %v", got)
	}
}

func TestAProcessIsAliveUnderItsOwnStartAlone(t *testing.T) {
	t.Parallel()
	own := os.Getpid()
	if !isAlive(own, startOf(own)) || startOf(own) == "" {
		t.Error("this process is not alive")
	}
	if isAlive(own, startOf(own)+"0") || isAlive(own, "") || isAlive(0, "") || isAlive(-1, "") || isAlive(1<<30, "") {
		t.Error("what has another start, or no number, is alive")
	}
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	start := startOf(cmd.Process.Pid)
	for isAlive(cmd.Process.Pid, start) { // until it is a zombie: nobody has waited for it
		continue
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func FuzzAStatLine(f *testing.F) {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(b))
	f.Add("1 (a) b) S 2 3")
	f.Add(")")
	f.Fuzz(func(t *testing.T, line string) {
		if p, ok := parseStat(7, []byte(line)); ok && (p.pid != 7 || p.start == "") {
			t.Errorf("%q gives %+v", line, p)
		}
	})
}
