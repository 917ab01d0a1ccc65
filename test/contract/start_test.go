package contract_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestStartOfALiveDuplicateSaysAlreadyExists(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("twin", config{"command": "sleep 1000"})
		pane := g.panePID("twin")
		said := g.fails(g.json(config{"command": "sleep 1000"}), "start", "twin")
		if !strings.Contains(said, `"twin" already exists`) {
			t.Errorf("stderr is %q", said)
		}
		g.is("true", "is-running", "twin")
		if now := g.panePID("twin"); now != pane {
			t.Errorf("the agent is process %d, it was %d", now, pane)
		}
	})
}

func TestStartReplacesADeadLeftover(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(g *gc){
		"the agent exited": func(g *gc) { g.ok("send-keys", "s", "C-d") },
		"the agent was killed": func(g *gc) {
			g.kill(g.panePID("s"))
		},
		"tmux was killed": func(g *gc) { g.kill(g.tmuxPID("s")) },
		"everything was killed, as by a reboot": func(g *gc) {
			for _, p := range g.processes() {
				_ = syscall.Kill(p.pid, syscall.SIGKILL)
			}
			g.until("all is gone", func() bool { return len(g.processes()) == 0 })
		},
		"everything but the hub was killed": func(g *gc) {
			hub := g.hub().PID
			for _, p := range g.processes() {
				if p.pid != hub {
					_ = syscall.Kill(p.pid, syscall.SIGKILL)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			g.start("s", config{"command": "cat"})
			end(g)
			g.until("it is seen to have ended", func() bool { return g.ok("is-running", "s") == "false" })
			g.start("s", config{"command": "cat"})
			g.is("true", "is-running", "s")
		})
	}
}

func TestStartReplacesALeftoverInTheMomentOfItsDeath(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	for range 3 {
		g.start("s", config{"command": "cat"})
		g.ok("stop", "s")
		g.start("s", config{"command": "cat"})
		if err := syscall.Kill(g.panePID("s"), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		g.until("a start succeeds", func() bool {
			r := g.tryStart("s", config{"command": "cat"})
			if r.status != 0 && !strings.Contains(r.stderr, "already exists") {
				t.Fatalf("start: status %d: %s", r.status, r.stderr)
			}
			return r.status == 0
		})
		g.is("true", "is-running", "s")
		g.ok("stop", "s")
	}
}

// slowStarts are configs whose start takes long at different steps, and the file that tells when that step is reached.
var slowStarts = map[string]config{
	"in pre_start":            {"command": "cat", "pre_start": []string{"touch reached; sleep 1000"}},
	"waiting for the process": {"command": "touch reached; cat", "process_names": []string{"never"}},
	"waiting for the prompt":  {"command": "touch reached; cat", "ready_prompt_prefix": "never"},
	"waiting for the delay":   {"command": "touch reached; cat", "ready_delay_ms": 100000},
	"in session_setup":        {"command": "cat", "session_setup": []string{"touch reached; sleep 1000"}},
	"in session_live":         {"command": "cat", "session_live": []string{"touch reached; sleep 1000"}},
}

func TestAStartThatIsKilledHalfwayLeavesNothing(t *testing.T) {
	t.Parallel()
	for step, c := range slowStarts {
		for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
			t.Run(fmt.Sprintf("%s, by %s", step, signal), func(t *testing.T) {
				t.Parallel()
				g := newGC(t)
				g.is("false", "is-running", "s") // so that the hub is no part of the time
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				cmd, _, stderr := g.command(ctx, g.json(c), "start", "s")
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				g.until("the step is reached", func() bool { return g.exists("work", "reached") })
				if err := cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				status := statusOf(cmd.Wait())
				if want := map[syscall.Signal]int{syscall.SIGKILL: -9, syscall.SIGTERM: 1}[signal]; status != want {
					t.Errorf("status %d, want %d: %s", status, want, stderr)
				}
				g.untilNothing()
				g.is("false", "is-running", "s")
				g.start("s", config{"command": "cat"})
				g.is("true", "is-running", "s")
			})
		}
	}
}

// untilNothing waits until the hub is all that runs and no session's folder is left.
func (g *gc) untilNothing() {
	g.t.Helper()
	g.until("nothing is left but the hub", func() bool {
		folders, _ := filepath.Glob(g.path("state", "agentd", "local", "*"))
		sockets, _ := filepath.Glob(g.path("run", "*", "s", "*"))
		return len(folders) == 0 && len(sockets) == 0 && len(g.processes()) == 1
	})
}

func TestAStartThatIsKilledAtAnyMomentCanBeRepeated(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.is("false", "is-running", "s")
	for i := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*3*time.Millisecond)
		cmd, _, _ := g.command(ctx, g.json(config{"command": "cat"}), "start", "s")
		_ = cmd.Run()
		cancel()
		// The one that was killed may have been done already: then it counts.
		if r := g.tryStart("s", config{"command": "cat"}); r.status != 0 && !strings.Contains(r.stderr, "already exists") {
			t.Fatalf("killed after %d ms; the next start: status %d: %s", i*3, r.status, r.stderr)
		}
		g.is("true", "is-running", "s")
		g.ok("stop", "s")
	}
	g.is("false", "is-running", "s")
}

func TestAHubThatIsKilledDuringAStartLeavesNothingThatTheNextCannotReplace(t *testing.T) {
	t.Parallel()
	for step, c := range slowStarts {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			g.is("false", "is-running", "s")
			ctx, cancel := context.WithCancel(t.Context())
			cmd, _, _ := g.command(ctx, g.json(c), "start", "s")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			g.until("the step is reached", func() bool { return g.exists("work", "reached") })
			hub := g.hub().PID
			cancel() // front and hub go at once
			g.kill(hub)
			_ = cmd.Wait()
			g.start("s", config{"command": "cat"})
			g.is("true", "is-running", "s")
		})
	}
}

func (g *gc) exists(elements ...string) bool {
	_, err := os.Stat(g.path(elements...))
	return err == nil
}

func TestAFailingStartRemovesWhatItMade(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config config
		says   []string
	}{
		"a work dir that isn't there": {config{"command": "cat", "work_dir": "/no/such/folder"}, []string{`/no/such/folder`, "does not exist"}},
		"a command that isn't there":  {config{"command": "no-such-program --flag"}, []string{"127", "no-such-program"}},
		"an agent that dies at once":  {config{"command": "exit 3"}, []string{"3"}},
		"an agent that dies during the delay": {config{"command": "sleep 0.3; echo last words; sleep 0.1; exit 4", "ready_delay_ms": 60000},
			[]string{"4", "last words"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			r := g.tryStart("s", test.config)
			if r.status != 1 {
				t.Errorf("status %d, want 1", r.status)
			}
			for _, word := range test.says {
				if !strings.Contains(r.stderr, word) {
					t.Errorf("stderr says nothing of %q: %q", word, r.stderr)
				}
			}
			if strings.Contains(strings.ToLower(r.stderr), "already exists") {
				t.Errorf("stderr reads as a duplicate: %q", r.stderr)
			}
			if strings.Count(r.stderr, "\n") != 1 {
				t.Errorf("stderr is more than a line: %q", r.stderr)
			}
			g.is("false", "is-running", "s")
			g.is("", "list-running", "")
			g.untilNothing()
		})
	}
}

func TestNothingButADuplicateReadsAsOne(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	for name, c := range map[string]config{
		"what the agent says":          {"command": "echo File Already Exists; exit 1"},
		"what a failing command is":    {"command": "cat", "pre_start": []string{"echo folder already exists >&2; exit 1"}},
		"the folder that is not there": {"command": "cat", "work_dir": "/already exists"},
		"already exists":               {"command": "exit 1"},
		"ALREADY EXISTS":               {"work_dir": "relative/already exists"},
	} {
		r := g.tryStart(name, c)
		if strings.Contains(strings.ToLower(r.stderr), "already exists") {
			t.Errorf("%s: %q", name, r.stderr)
		}
	}
}

func TestBrokenJSONIsOneClearLine(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	if said := g.fails(`{"command": 5}`, "start", "s"); !strings.Contains(said, "JSON") {
		t.Errorf("stderr is %q", said)
	}
}
