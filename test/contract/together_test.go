package contract_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestOfManyStartsOfOneNameOneSucceeds(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]string{"by one hub": "", "by two hubs": "GC_HUB=off"} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, g *gc) {
				other := *g
				other.env = append(slices.Clone(g.env), second)
				var mu sync.Mutex
				started, taken := 0, 0
				var calling sync.WaitGroup
				for i := range 10 {
					calling.Go(func() {
						who := g
						if i%2 == 1 {
							who = &other
						}
						r := who.tryStart("s", config{"command": "echo came up >> ups; exec cat"})
						mu.Lock()
						defer mu.Unlock()
						switch {
						case r.status == 0:
							started++
						case r.status == 1 && strings.Contains(r.stderr, `"s" already exists`):
							taken++
						default:
							t.Errorf("status %d: %s", r.status, r.stderr)
						}
					})
				}
				calling.Wait()
				if started != 1 || taken != 9 {
					t.Errorf("%d started and %d were told of a duplicate, want 1 and 9", started, taken)
				}
				g.is("true", "is-running", "s")
				if got := g.inWork("s", "ups"); got != "came up\n" {
					t.Errorf("agents that came up: %q", got)
				}
			})
		})
	}
}

func TestManySessionsComeAndGoAtOnce(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	const many = 10
	var want []string
	var calling sync.WaitGroup
	for i := range many {
		name := fmt.Sprintf("agent-%02d", i)
		want = append(want, name)
		calling.Go(func() {
			if r := g.tryStart(name, config{"command": "cat"}); r.status != 0 {
				t.Errorf("start: status %d: %s", r.status, r.stderr)
			}
		})
	}
	calling.Wait()
	if got := g.listed("agent-"); !slices.Equal(got, want) {
		t.Errorf("list-running gives %q", got)
	}
	for _, name := range slices.Concat(want, want) { // each twice at once
		calling.Go(func() {
			if r := g.run("", "stop", name); r.status != 0 {
				t.Errorf("stop: status %d: %s", r.status, r.stderr)
				return
			}
			if r := g.run("", "is-running", name); r.stdout != "false\n" {
				t.Errorf("is-running after stop: %q %s", r.stdout, r.stderr)
			}
		})
	}
	calling.Wait()
	g.untilNothing()
}

func TestAnOperationUnderWayOutlivesTheKillOfItsHub(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", agent("prompt", g.path("got")))
	g.untilScreen("s", "ready")
	const nudges = 20
	var calling sync.WaitGroup
	for i := range nudges {
		calling.Go(func() {
			if r := g.run(fmt.Sprintf("message %d", i), "nudge", "s"); r.status != 0 {
				t.Errorf("nudge: status %d: %s", r.status, r.stderr)
			}
		})
	}
	// In the middle: some have been submitted and others wait.
	for _, after := range []int{2, 8} {
		g.until("some are submitted", func() bool { return len(g.submitted("got")) >= after })
		if err := syscall.Kill(g.hub().PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		g.is("true", "is-running", "s")
	}
	calling.Wait()
	var want []string
	for i := range nudges {
		want = append(want, fmt.Sprintf("message %d", i))
	}
	g.until("all are submitted", func() bool { return len(g.submitted("got")) >= nudges })
	got := g.submitted("got")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("submitted %q, want each message once", got)
	}
}

func TestAStartUnderWayOutlivesItsHub(t *testing.T) {
	t.Parallel()
	other, err := otherPrograms()
	if err != nil {
		t.Fatal(err)
	}
	for name, away := range map[string]func(g *gc){
		"killed": func(g *gc) { g.kill(g.hub().PID) },
		"replaced": func(g *gc) {
			newer := *g
			newer.bin = other
			newer.ok("is-running", "s") // it may be up by now
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			g.is("false", "is-running", "s")
			cmd, _, stderr := g.command(t.Context(), g.json(config{
				"command":   "echo up >> ups; exec cat",
				"pre_start": []string{"echo reached >> reached; while [ ! -e go ]; do sleep 0.02; done"},
			}), "start", "s")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			g.until("the start is under way", func() bool { return g.exists("work", "reached") })
			if name == "replaced" {
				// A hub that leaves waits for its calls a while.
				g.write("", "work", "go")
			}
			away(g)
			g.write("", "work", "go")
			if status := statusOf(cmd.Wait()); status != 0 {
				t.Errorf("start: status %d: %s", status, stderr)
			}
			g.is("true", "is-running", "s")
			if got := g.file("work", "ups"); got != "up\n" {
				t.Errorf("agents that came up: %q", got)
			}
		})
	}
}

func TestAStopThatIsKilledIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	for _, victim := range []string{"the front", "the hub", "both"} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			g.start("s", config{"command": `trap 'touch stopping; sleep 1; exit 0' INT; echo ready; while :; do sleep 0.05; done`})
			g.untilScreen("s", "ready")
			hub := g.hub().PID
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cmd, _, stderr := g.command(ctx, "", "stop", "s")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			g.until("the agent is being stopped", func() bool { return g.exists("work", "stopping") })
			if victim != "the hub" {
				cancel()
			}
			if victim != "the front" {
				g.kill(hub)
			}
			if status := statusOf(cmd.Wait()); victim == "the hub" && status != 0 {
				t.Errorf("the stop whose hub was killed: status %d: %s", status, stderr)
			}
			g.ok("stop", "s")
			g.is("false", "is-running", "s")
			g.is("", "list-running", "")
			g.untilNothing()
		})
	}
}

func TestASessionThatIsBeingStoppedNoLongerRuns(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", config{"command": `trap 'touch stopping; while [ ! -e go ]; do sleep 0.02; done; exit 0' INT; echo ready; while :; do sleep 0.05; done`})
	g.untilScreen("s", "ready")
	g.is("true", "is-running", "s")
	var stopping sync.WaitGroup
	stopping.Go(func() {
		if r := g.run("", "stop", "s"); r.status != 0 {
			t.Errorf("stop: status %d: %s", r.status, r.stderr)
		}
	})
	g.until("the agent is being stopped", func() bool { return g.exists("work", "stopping") })
	g.is("false", "is-running", "s")
	g.is("", "list-running", "")
	if got := g.okIn("sh\nsleep", "process-alive", "s"); got != "false" {
		t.Errorf("process-alive gives %q", got)
	}
	g.kill(g.hub().PID) // the next one must not take it for running either
	g.is("false", "is-running", "s")
	g.is("", "list-running", "")
	g.write("", "work", "go")
	stopping.Wait()
	g.is("false", "is-running", "s")
}

// A newer gc ends a call that takes too long by its process group.
func TestTheEndOfAFrontsProcessGroupIsNoneOfTheHubs(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			cmd, _, _ := g.command(t.Context(), g.json(slowStarts["in pre_start"]), "start", "s")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			g.until("the start is under way", func() bool { return g.exists("work", "reached") })
			hub := g.hub().PID
			if err := syscall.Kill(-cmd.Process.Pid, signal); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if status := statusOf(cmd.Wait()); status == 0 || status == 2 {
				t.Errorf("status %d", status)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("it took %s to end, after 2 s gc kills", took)
			}
			g.untilNothing()
			if now := g.hub().PID; now != hub {
				t.Errorf("the hub is process %d, it was %d", now, hub)
			}
		})
	}
}

func TestASessionWhoseAgentdHangsIsStillListedAndCanBeStopped(t *testing.T) {
	t.Parallel()
	for _, newHub := range []bool{false, true} {
		t.Run(fmt.Sprintf("new hub: %t", newHub), func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			g.start("sound", config{"command": "cat"})
			g.start("s", config{"command": "cat"})
			p := g.pids("s")
			for _, pid := range []int{p.init, p.serve} {
				if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			if newHub {
				g.kill(p.hub)
			}
			// A list without it would make gc start it anew, and throw its conversation away.
			g.is("s\nsound", "list-running", "")
			g.is("true", "is-running", "sound")
			g.ok("stop", "s")
			g.is("false", "is-running", "s")
			g.is("sound", "list-running", "")
		})
	}
}
