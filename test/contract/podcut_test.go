package contract_test

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// sessionOp is an operation that gc asks of every session.
type sessionOp struct {
	stdin string
	args  []string
	want  string // of a session that is well; "" where that depends
	once  bool   // it must not be done twice, so it isn't waited for as long as others
}

// sessionOps are what gc asks of a session whose agent is cat.
func sessionOps(name string) []sessionOp {
	return []sessionOp{
		{args: []string{"is-running", name}, want: "true"},
		{args: []string{"process-alive", name}, stdin: "cat", want: "true"},
		{args: []string{"peek", name, "50"}},
		{args: []string{"get-last-activity", name}},
		{args: []string{"get-meta", name, "KEPT"}, want: "value"},
		{args: []string{"is-attached", name}},
		{args: []string{"nudge", name}, stdin: "words"},
		{args: []string{"send-keys", name, "Escape"}, once: true},
		{args: []string{"set-meta", name, "OTHER"}, stdin: "value"},
	}
}

// kept is an agent that sessionOps can be asked of.
var kept = config{"command": "cat", "env": map[string]string{"KEPT": "value"}}

// all asks every operation at once of all sessions.
func (g *gc) all(names []string, check func(sessionOp, result)) {
	g.t.Helper()
	var asking sync.WaitGroup
	for _, name := range names {
		for _, op := range sessionOps(name) {
			asking.Go(func() { check(op, g.run(op.stdin, op.args...)) })
		}
	}
	asking.Wait()
}

// wellWithin checks that all operations succeed, each within a time.
func (g *gc) wellWithin(limit time.Duration, names ...string) {
	g.t.Helper()
	g.all(names, func(op sessionOp, r result) {
		if r.status != 0 || op.want != "" && strings.TrimSpace(r.stdout) != op.want || r.took > limit {
			g.t.Errorf("%q: status %d after %s, %q, %q", op.args, r.status, r.took, r.stdout, r.stderr)
		}
	})
}

// failsClearly checks that an operation failed in time, with one line that holds a text.
func (g *gc) failsClearly(op sessionOp, r result, text string) {
	g.t.Helper()
	if r.status != 1 || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, text) || r.took > 29*time.Second {
		g.t.Errorf("%q: status %d after %s, %q, %q; want status 1 and a line with %q", op.args, r.status, r.took, r.stdout, r.stderr, text)
	}
}

func TestAnAPIServerThatCannotBeReachedIsSaidInTime(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault, end func(l *line)
		says       string
	}{
		"its connections are cut":  {(*line).cut, (*line).restore, "does not answer"},
		"its connections are held": {(*line).hold, (*line).release, "did not answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newPods(t)
			line := g.newLine()
			g.start("s", kept)
			agent := g.panePID("s")
			g.wellWithin(patience, "s")
			test.fault(line)
			began := time.Now()
			g.all([]string{"s"}, func(op sessionOp, r result) {
				switch {
				case r.status == 0 && r.took < 2*time.Second: // what was pushed just before is true
				case op.once:
					g.failsClearly(op, r, `session "s"`)
				default:
					g.failsClearly(op, r, "the API server at https://"+line.at+" "+test.says)
				}
			})
			if took := time.Since(began); took < 20*time.Second {
				t.Errorf("after %s none waits any more for the API server", took)
			}
			// A false "not running" is dear: what hasn't ended, as far as is known, is listed.
			g.is("s", "list-running", "")
			test.end(line)
			g.wellWithin(recovery, "s")
			if now := g.panePID("s"); now != agent {
				t.Errorf("the agent is process %d, it was %d", now, agent)
			}
		})
	}
}

// As when the laptop wakes up in another network: nothing says that the old connections are no more.
func TestWhatBecameOfAPodIsFoundOutThoughItsConnectionsHaveFallenSilent(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	line := g.newLine()
	g.start("lives", kept)
	g.start("goes", kept)
	g.wellWithin(patience, "lives", "goes")
	line.strand()
	g.kubectl("delete", "pod", g.pod("goes"), "--force", "--grace-period=0")
	// What was pushed just before is told for some seconds.
	deadline := time.Now().Add(patience)
	for g.ok("is-running", "goes") == "true" {
		if time.Now().After(deadline) {
			t.Fatal("it still counts as running")
		}
	}
	g.is("true", "is-running", "lives")
	g.is("lives", "list-running", "")
}

func TestAHubThatIsKilledWhileTheAPIServerIsDownIsReplaced(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	line := g.newLine()
	g.start("s", kept)
	line.cut()
	g.kill(g.hub().PID)
	var asking sync.WaitGroup
	for _, op := range []sessionOp{{args: []string{"is-running", "s"}}, {args: []string{"list-running", ""}}, {args: []string{"stop", "s"}}} {
		asking.Go(func() {
			g.failsClearly(op, g.run("", op.args...), "the API server at https://"+line.at+" does not answer")
		})
	}
	asking.Go(func() {
		if r := g.tryStart("other", kept); r.status != 75 || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "does not answer") {
			t.Errorf("start: status %d after %s: %q", r.status, r.took, r.stderr)
		}
	})
	asking.Wait()
	hub := g.hub().PID
	waiting := make(chan result)
	go func() { waiting <- g.run("", "is-running", "s") }()
	line.restore()
	if r := <-waiting; r.status != 0 || r.stdout != "true\n" {
		t.Errorf("is-running, asked before: status %d after %s, %q, %q", r.status, r.took, r.stdout, r.stderr)
	}
	g.wellWithin(recovery, "s")
	g.is("s", "list-running", "")
	if now := g.hub().PID; now != hub {
		t.Errorf("the hub is process %d, it was %d", now, hub)
	}
}
