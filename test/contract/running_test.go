package contract_test

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestStopIsIdempotentAndFinal(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.ok("stop", "never-was")
		g.start("s", config{"command": "sleep 1000 & sleep 1000 & exec cat"})
		g.ok("stop", "s")
		g.is("false", "is-running", "s")
		if got := g.okIn("cat\nsleep", "process-alive", "s"); got != "false" {
			t.Errorf("process-alive gives %q after stop", got)
		}
		g.is("", "list-running", "")
		g.ok("stop", "s")
		for _, p := range g.processes() {
			if strings.HasPrefix(p.args, "sleep") || p.args == "cat" {
				t.Errorf("process %d outlived stop: %s", p.pid, p.args)
			}
		}
	})
}

func TestStopLetsTheAgentFinish(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", config{"command": `trap 'sleep 0.3; echo saved > work; exit 0' INT; echo ready; while :; do sleep 0.05; done`})
	g.untilScreen("s", "ready")
	g.ok("stop", "s")
	if got := g.file("work", "work"); got != "saved\n" {
		t.Errorf("the agent was not let finish: %q", got)
	}
}

func TestStopEndsAnAgentThatIgnoresAllSignals(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": `trap '' INT TERM HUP QUIT; echo ready; while :; do sleep 1; done`})
		g.untilScreen("s", "ready")
		if r := g.run("", "stop", "s"); r.status != 0 || r.took > 28*time.Second {
			t.Errorf("stop: status %d after %s: %s", r.status, r.took, r.stderr)
		}
		g.is("false", "is-running", "s")
	})
}

func TestStopDuringAStartEndsIt(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		cmd, _, stderr := g.command(t.Context(), g.json(config{"command": "cat", "pre_start": []string{"touch reached; sleep 1000"}}), "start", "s")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		g.until("pre_start runs", func() bool { return g.isInWork("s", "reached") })
		g.is("false", "is-running", "s")
		g.ok("stop", "s")
		if status := statusOf(cmd.Wait()); status != 1 || stderr.Len() == 0 {
			t.Errorf("the start that was stopped: status %d, %q", status, stderr)
		}
		g.untilNothing()
	})
}

func TestIsRunningIsFalseOnceTheAgentHasExited(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.is("false", "is-running", "s")
		g.start("s", config{"command": "cat"})
		g.is("true", "is-running", "s")
		g.ok("send-keys", "s", "C-d")
		g.until("it has ended", func() bool { return g.ok("is-running", "s") == "false" })
		for range 20 {
			g.is("false", "is-running", "s") // never again a stale true
		}
		g.is("", "list-running", "")
		if got := g.okIn("cat", "process-alive", "s"); got != "false" {
			t.Errorf("process-alive gives %q", got)
		}
		g.ok("stop", "s")
	})
}

func TestIsRunningIsNeverStaleAfterAKill(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	for range 5 {
		g.start("s", config{"command": "cat"})
		tmux := g.tmuxPID("s")
		g.is("true", "is-running", "s")
		g.kill(tmux)
		// The kill is seen at once: what gc asks 100 ms later must be right.
		<-time.After(100 * time.Millisecond)
		g.is("false", "is-running", "s")
		g.ok("stop", "s")
	}
}

// pids are the processes of a session.
type pids struct{ hub, init, serve, tmux, agent int }

func (g *gc) pids(name string) pids {
	g.t.Helper()
	p := pids{hub: g.hub().PID, init: g.session(name).PID, tmux: g.tmuxPID(name), agent: g.panePID(name)}
	for _, q := range g.processes() {
		if q.parent == p.init && strings.Contains(q.args, "agentd serve") {
			p.serve = q.pid
		}
	}
	if p.hub == 0 || p.init == 0 || p.serve == 0 {
		g.t.Fatalf("processes of %s: %+v of %+v", name, p, g.processes())
	}
	return p
}

// says checks what each operation that looks says of a session that lives.
func (g *gc) saysItLives(name, process, screen string) {
	g.t.Helper()
	g.is("true", "is-running", name)
	if got := g.okIn(process, "process-alive", name); got != "true" {
		g.t.Errorf("process-alive gives %q", got)
	}
	if got := g.ok("peek", name, "0"); !strings.Contains(got, screen) {
		g.t.Errorf("peek gives %q, want it to hold %q", got, screen)
	}
	if got := g.ok("get-last-activity", name); got == "" {
		g.t.Error("get-last-activity gives nothing")
	}
	if got := g.ok("get-meta", name, "KEPT"); got != "value" {
		g.t.Errorf("get-meta gives %q", got)
	}
	if got := g.ok("list-running", ""); got != name {
		g.t.Errorf("list-running gives %q", got)
	}
}

func TestASessionOutlivesTheDeathOfWhatServesIt(t *testing.T) {
	t.Parallel()
	for name, victims := range map[string]func(p pids) []int{
		"the hub":               func(p pids) []int { return []int{p.hub} },
		"agentd serve":          func(p pids) []int { return []int{p.serve} },
		"agentd init":           func(p pids) []int { return []int{p.init} },
		"agentd init and serve": func(p pids) []int { return []int{p.init, p.serve} },
		"hub, init and serve":   func(p pids) []int { return []int{p.hub, p.init, p.serve} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			g.start("s", config{"command": "echo words on the screen; exec cat", "env": map[string]string{"KEPT": "value"}})
			g.untilScreen("s", "words on the screen")
			before := g.pids("s")
			for range 2 {
				now := g.pids("s")
				for _, pid := range victims(now) {
					if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
						t.Fatal(err)
					}
				}
				// At once, with no pause for things to settle.
				g.saysItLives("s", "cat", "words on the screen")
				g.okIn("typed after the kill", "nudge", "s")
				g.untilScreen("s", "typed after the kill")
				g.until("agentd is whole", func() bool { return g.session("s").PID != 0 && g.serving("s") })
			}
			if now := g.panePID("s"); now != before.agent {
				t.Errorf("the agent is process %d, it was %d", now, before.agent)
			}
			g.ok("stop", "s")
			g.is("false", "is-running", "s")
		})
	}
}

// serving tells whether the session has an init with a serve.
func (g *gc) serving(name string) bool {
	init := g.session(name).PID
	for _, q := range g.processes() {
		if q.parent == init && strings.Contains(q.args, "agentd serve") {
			return true
		}
	}
	return false
}

func TestASessionWhoseTmuxWasKilledIsOver(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]func(g *gc){
		"tmux killed":                   func(g *gc) { g.kill(g.tmuxPID("s")) },
		"tmux ended by kill-server":     func(g *gc) { g.tmux("s", "kill-server") },
		"the session ended from within": func(g *gc) { g.tmux("s", "kill-session", "-t", "main") },
		"the agent killed":              func(g *gc) { g.kill(g.panePID("s")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			g.start("s", config{"command": "echo words; exec cat"})
			g.untilScreen("s", "words")
			kill(g)
			g.until("it is seen to have ended", func() bool { return g.ok("is-running", "s") == "false" })
			if got := g.okIn("cat", "process-alive", "s"); got != "false" {
				t.Errorf("process-alive gives %q", got)
			}
			g.ok("peek", "s", "10")
			g.okIn("hello", "nudge", "s")
			g.ok("send-keys", "s", "Enter")
			g.ok("interrupt", "s")
			g.ok("clear-scrollback", "s")
			g.ok("get-last-activity", "s")
			g.is("", "list-running", "")
			g.ok("stop", "s")
			g.untilNothing()
		})
	}
}

func TestASessionThatRenamesItselfStaysReachable(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": "tmux rename-session other; echo renamed; exec cat"})
		g.untilScreen("s", "renamed")
		g.is("true", "is-running", "s")
		g.okIn("still here", "nudge", "s")
		g.untilScreen("s", "still here")
		g.until("its name is main again", func() bool { return g.tmux("s", "display-message", "-p", "#{session_name}") == "main\n" })
	})
}

func TestProcessAliveMatchesNamesExactly(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", config{"command": `bash -c 'exec -a /opt/bin/claude sleep 1000' & exec python3 -c 'import time; print("up", flush=True); time.sleep(1000)' agentic`})
	g.untilScreen("s", "up")
	g.until("the background process has its name", func() bool { return g.okIn("claude", "process-alive", "s") == "true" })
	for names, want := range map[string]string{
		"python3":          "true",  // the pane's process
		"claude":           "true",  // a child's argv[0], its base name
		"sleep":            "true",  // the same child's comm
		"node\nclaude":     "true",  // one of several
		"claude\nnode":     "true",  //
		"node\ncodex":      "false", // none of several
		"agentic":          "false", // an argument is no name
		"claud":            "false",
		"claude2":          "false",
		"Claude":           "false",
		"python3 -c":       "false",
		"/opt/bin/claude":  "false",
		"agentd":           "false", // what serves the session is no part of it
		"tmux":             "false",
		"tmux: server":     "false",
		"gc-session-local": "false",
		".*":               "false",
	} {
		if got := g.okIn(names, "process-alive", "s"); got != want {
			t.Errorf("process-alive of %q gives %q, want %q", names, got, want)
		}
	}
	if got := g.okIn("python3", "process-alive", "other"); got != "false" {
		t.Errorf("in a session that isn't: %q", got)
	}
}

func TestProcessAliveIsFalseOnceTheAgentWithinTheShellHasDied(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": "sleep 1000; exec cat"})
		g.until("it runs", func() bool { return g.okIn("sleep", "process-alive", "s") == "true" })
		g.ok("interrupt", "s")
		g.until("it is gone", func() bool { return g.okIn("sleep", "process-alive", "s") == "false" })
	})
}
