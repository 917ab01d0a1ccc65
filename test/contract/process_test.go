package contract_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestACrashIsNeverReadAsSuccess(t *testing.T) {
	t.Parallel()
	for _, hub := range []string{"", "GC_HUB=off"} {
		t.Run(hub, func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			g.env = append(g.env, hub)
			cmd, _, _ := g.command(t.Context(), g.json(config{"command": "cat", "pre_start": []string{"touch reached; sleep 1000"}}), "start", "s")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			g.until("the front waits for the start", func() bool { return g.exists("work", "reached") })
			// The Go runtime crashes on SIGQUIT, by default with status 2.
			if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
				t.Fatal(err)
			}
			if status := statusOf(cmd.Wait()); status != -int(syscall.SIGABRT) {
				t.Errorf("status %d, want the end by SIGABRT, which a shell calls 134", status)
			}
			g.start("s", config{"command": "cat"}) // nothing of the crashed one is in the way
		})
	}
}

func TestAnAnswerThatCannotBeWrittenIsNoSuccess(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", config{"command": "echo words; exec cat"})
	g.untilScreen("s", "words")
	run := func(stdout *os.File, args ...string) (int, string) {
		cmd := exec.Command(filepath.Join(g.bin, "gc-session-local"), args...)
		cmd.Env = g.env
		cmd.Stdout = stdout
		var said strings.Builder
		cmd.Stderr = &said
		return statusOf(cmd.Run()), said.String()
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	defer write.Close()
	outs := map[string]*os.File{"a pipe that nobody reads": write}
	if full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0); err == nil {
		defer full.Close()
		outs["a full disk"] = full
	}
	for name, out := range outs {
		for _, args := range [][]string{{"is-running", "s"}, {"peek", "s", "0"}, {"list-running", ""}, {"get-last-activity", "s"}} {
			if status, said := run(out, args...); status != 1 || strings.Count(said, "\n") != 1 {
				t.Errorf("%s to %s: status %d, %q; want status 1 and one line", args[0], name, status, said)
			}
		}
	}
}

func TestOnlyAnUnknownOperationExitsWith2(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	if r := g.run("", "watch-startup", "s"); r.status != 2 || r.stdout != "" {
		t.Errorf("an unknown operation: status %d, stdout %q", r.status, r.stdout)
	}
	for _, args := range [][]string{{"stop"}, {"stop", ""}, {"stop", "a", "b"}, {"peek", "s"}, {"peek", "s", "x"}, {"-x"}, {"--no-such-flag"}} {
		r := g.run("", args...)
		if strings.HasPrefix(args[0], "-") && r.status == 2 {
			continue // a word like any other
		}
		if r.status != 1 || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%q: status %d, stderr %q; want status 1 and one line", args, r.status, r.stderr)
		}
	}
}

func TestProtocolTellsTheCapabilities(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.is(`{"version":0,"capabilities":["report-attachment","report-activity"]}`, "protocol")
	if hubs := g.hubs(); len(hubs) != 0 {
		t.Errorf("a hub was started for it: %+v", hubs)
	}
}

func TestCheckImageHasNoObjectionHere(t *testing.T) {
	t.Parallel()
	newGC(t).is("", "check-image", "example.com/agent:1")
}

func TestTwoSetsOfFoldersNeverMeet(t *testing.T) {
	t.Parallel()
	a, b := newGC(t), newGC(t)
	a.start("s", config{"command": "cat"})
	b.is("false", "is-running", "s")
	b.is("", "list-running", "")
	b.start("s", config{"command": "cat"})
	b.ok("stop", "s")
	a.is("true", "is-running", "s")
}
