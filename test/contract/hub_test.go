package contract_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// hubs are the processes of hubs.
func (g *gc) hubs() []process {
	var hubs []process
	for _, p := range g.processes() {
		if strings.Contains(p.args, "hub run") {
			hubs = append(hubs, p)
		}
	}
	return hubs
}

func TestManyFrontsAtOnceStartOneHub(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	var calling sync.WaitGroup
	for range 50 {
		calling.Go(func() {
			if r := g.run("", "is-running", "s"); r.status != 0 || r.stdout != "false\n" {
				t.Errorf("is-running: status %d, %q, %q", r.status, r.stdout, r.stderr)
			}
		})
	}
	calling.Wait()
	if hubs := g.hubs(); len(hubs) != 1 {
		t.Errorf("hubs: %+v, want one", hubs)
	}
	if n := g.hub().Requests; n < 50 {
		t.Errorf("the hub has answered %d requests: another one must have answered the rest", n)
	}
}

func TestAnotherVersionReplacesTheHubAndKeepsTheSessions(t *testing.T) {
	t.Parallel()
	need(t, "git")
	other, err := otherPrograms()
	if err != nil {
		t.Fatal(err)
	}
	g := newGC(t)
	g.start("s", config{"command": "echo words; exec cat", "env": map[string]string{"KEPT": "value"}})
	g.untilScreen("s", "words")
	agent, hub := g.panePID("s"), g.hub()
	for _, bin := range []string{other, programs} {
		g.bin = bin
		g.saysItLives("s", "cat", "words")
		now := g.hub()
		if now.PID == hub.PID || (now.Version == otherVersion) != (bin == other) {
			t.Errorf("the hub is %+v, it was %+v", now, hub)
		}
		hub = now
		g.until("the old hub is gone", func() bool { return len(g.hubs()) == 1 })
	}
	if now := g.panePID("s"); now != agent {
		t.Errorf("the agent is process %d, it was %d", now, agent)
	}
}

func TestAnOperationUnderWayOutlivesTheReplacementOfItsHub(t *testing.T) {
	t.Parallel()
	need(t, "git")
	other, err := otherPrograms()
	if err != nil {
		t.Fatal(err)
	}
	g := newGC(t)
	g.start("s", agent("prompt", g.path("got")))
	g.untilScreen("s", "ready")
	newer := *g
	newer.bin = other
	var calling sync.WaitGroup
	for range 10 {
		calling.Go(func() {
			if r := g.run("message", "nudge", "s"); r.status != 0 {
				t.Errorf("nudge: status %d: %s", r.status, r.stderr)
			}
		})
	}
	calling.Go(func() { newer.is("true", "is-running", "s") })
	calling.Wait()
	g.until("all are submitted", func() bool { return len(g.submitted("got")) >= 10 })
	if got := g.submitted("got"); len(got) != 10 || strings.Join(got, "") != strings.Repeat("message", 10) {
		t.Errorf("submitted %q, want ten messages, each once", got)
	}
}

func TestTheHubHoldsNothingOfTheCallThatStartsIt(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	cmd := exec.Command(filepath.Join(g.bin, "gc-session-local"), "is-running", "s")
	cmd.Env = g.env
	cmd.Dir = g.path("home")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for _, pipe := range []io.Reader{out, stderr} {
		if _, err := io.ReadAll(pipe); err != nil { // ends only when every holder has gone
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("the pipes were held for %s", took)
	}
	hub := g.hub()
	if hub.PID == 0 {
		t.Fatal("no hub is left")
	}
	if dir, err := os.Readlink("/proc/" + itoa(hub.PID) + "/cwd"); err == nil && strings.HasPrefix(dir, g.path("home")) {
		t.Errorf("the hub holds the folder %q", dir)
	}
}

func TestAHubThatCannotStartIsOneClearLine(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	if err := os.WriteFile(g.path("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g.env = append(g.env, "XDG_RUNTIME_DIR="+g.path("file"))
	if said := g.fails("", "is-running", "s"); !strings.Contains(said, g.path("file")) {
		t.Errorf("it says %q", said)
	}
}

func TestWithoutAHubTheFrontDoesItAllItself(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.env = append(g.env, "GC_HUB=off")
	g.is("false", "is-running", "s")
	g.start("s", config{"command": "echo words; exec cat", "env": map[string]string{"KEPT": "value"}})
	g.untilScreen("s", "words")
	g.saysItLives("s", "cat", "words")
	g.okIn("typed", "nudge", "s")
	g.untilScreen("s", "typed")
	if said := g.fails(g.json(config{"command": "cat"}), "start", "s"); !strings.Contains(said, "already exists") {
		t.Errorf("a duplicate: %q", said)
	}
	if r := g.run("", "no-such-operation"); r.status != 2 {
		t.Errorf("an unknown operation: status %d", r.status)
	}
	if hubs := g.hubs(); len(hubs) != 0 {
		t.Errorf("hubs: %+v", hubs)
	}
	g.ok("stop", "s")
	g.is("false", "is-running", "s")
}
