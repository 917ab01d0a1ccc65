package contract_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// An agent is free to run agents of its own. What it starts that way are descendants of its own agentd, which must not take them along.

// startFrom has the agent of a session run a front that starts another session, and a hub, as the one that runs is killed first.
func (g *gc) startFrom(session, name string, c config) {
	g.t.Helper()
	input := g.write(g.json(c), "config-"+name)
	command := filepath.Join(g.bin, "gc-session-local") + " start " + name + " <" + input + " && echo started-'" + name + "'"
	g.untilScreen(session, "$")
	g.kill(g.hub().PID)
	g.tmux(session, "send-keys", "-t", "main", "-l", command)
	g.tmux(session, "send-keys", "-t", "main", "Enter")
	// Asking a front might start a hub here, outside of the session.
	g.until(name+" is started", func() bool {
		return strings.Contains(g.tmux(session, "capture-pane", "-p", "-J", "-t", "main"), "\nstarted-"+name)
	})
}

var prompting = config{"command": "PS1='$ ' exec sh"}

func TestWhatAnAgentStartsOutlivesItsSession(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(g *gc, p pids){
		"the first is stopped": func(g *gc, p pids) { g.ok("stop", "first") },
		"its agent exits": func(g *gc, p pids) {
			g.okIn("exit", "nudge", "first")
			g.until("it has ended", func() bool { return !alive(p.init) })
		},
		"its tmux is killed": func(g *gc, p pids) {
			g.kill(p.tmux)
			g.until("it has ended", func() bool { return !alive(p.init) })
		},
		"its agentd hangs and it is stopped by force": func(g *gc, p pids) {
			for _, pid := range []int{p.init, p.serve} {
				if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
					g.t.Fatal(err)
				}
			}
			g.ok("stop", "first")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			g.start("first", prompting)
			g.startFrom("first", "second", config{"command": "echo words; exec cat"})
			hub, agent := g.hub().PID, g.panePID("second")
			if hub == 0 {
				t.Fatal("no hub runs")
			}
			end(g, g.pids("first"))
			g.is("false", "is-running", "first")
			g.is("true", "is-running", "second")
			if now := g.hub().PID; now != hub {
				t.Errorf("the hub is process %d, it was %d", now, hub)
			}
			if now := g.panePID("second"); now != agent {
				t.Errorf("the second agent is process %d, it was %d", now, agent)
			}
		})
	}
}

func TestAHubWhoseStarterStillRunsOutlivesItsSession(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("first", prompting)
	g.untilScreen("first", "$")
	g.kill(g.hub().PID)
	// The front goes on, and so the hub is its child when the session ends.
	g.tmux("first", "send-keys", "-t", "main", filepath.Join(g.bin, "gc-session-local")+" start second <"+
		g.write(g.json(config{"command": "cat", "pre_start": []string{"touch reached; while [ ! -e go ]; do sleep 0.02; done"}}), "config"), "Enter")
	g.until("the start is under way", func() bool { return g.exists("work", "reached") })
	hub := g.hub().PID
	if got := g.okIn("agentd\ntouch", "process-alive", "first"); got != "false" {
		t.Errorf("process-alive takes the second session's processes for the first's")
	}
	g.ok("stop", "first")
	if now := g.hub().PID; now != hub {
		t.Errorf("the hub is process %d, it was %d", now, hub)
	}
}

func TestAnAgentMayStopItsOwnSession(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", prompting)
	g.untilScreen("s", "$")
	g.okIn(filepath.Join(g.bin, "gc-session-local")+" stop s", "nudge", "s")
	g.until("it is stopped", func() bool { return g.ok("is-running", "s") == "false" })
	g.untilNothing()
}

func TestNoSessionSeesThatAnotherStartedIt(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("first", prompting)
	g.startFrom("first", "second", config{"command": "env >seen; echo written; exec cat"})
	g.untilScreen("second", "written")
	for line := range strings.Lines(g.file("work", "seen")) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), "="); strings.HasPrefix(name, "AGENTD_") || name == "TMUX" && strings.Contains(value, "first") {
			t.Errorf("the second agent sees %q", line)
		}
	}
	if _, err := os.Stat(g.path("work", "seen")); err != nil {
		t.Error(err)
	}
}
