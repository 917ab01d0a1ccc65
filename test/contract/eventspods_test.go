package contract_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gascity/agentd/test/cluster"
)

func TestTheLogIsLaidOutAsTheScriptsIs(t *testing.T) {
	t.Parallel()
	g := newEvents(t)
	g.ok("ensure-running")
	const labels = `{.metadata.labels.gc/component} {.metadata.labels.app\.kubernetes\.io/managed-by}`
	if got := g.kubectl("get", "configmap", "gc-events-seq", "-o", "jsonpath={.data.seq} "+labels); got != "0 event-seq gascity" {
		t.Errorf("the counter is %q", got)
	}
	g.okIn(`{"type":"agent.started","actor":"mayor"}`, "record")
	g.okIn(`{"type":"no label / `+strings.Repeat("x", 100)+`","actor":"-日本-"}`, "record")
	if got := g.kubectl("get", "configmap", "gc-evt-0000000001", "-o", `jsonpath={.metadata.labels.gc/type} {.metadata.labels.gc/actor} `+labels); got != "agent.started mayor event gascity" {
		t.Errorf("the event's labels are %q", got)
	}
	if got := g.kubectl("get", "configmaps", "-l", "gc/component=event", "-o", "name"); got != "configmap/gc-evt-0000000001\nconfigmap/gc-evt-0000000002\n" {
		t.Errorf("by their label there are %q", got)
	}
	if got := g.kubectl("get", "configmap", "gc-events-seq", "-o", "jsonpath={.data.seq}"); got != "2" {
		t.Errorf("the counter says %q", got)
	}
}

func TestNothingIsLostOrDoubledWhenHubsAreKilled(t *testing.T) {
	t.Parallel()
	g := newEvents(t)
	g.ok("ensure-running")
	w := g.watch("0")
	const writers, enough = 5, 6
	// However fast the machine is, writers go on until enough hubs have been killed under them.
	ctx, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	var killing, writing sync.WaitGroup
	kills := 0
	killing.Go(func() {
		defer done()
		again := time.NewTicker(300 * time.Millisecond)
		defer again.Stop()
		for kills < enough {
			select {
			case <-again.C:
			case <-ctx.Done():
				return
			}
			for _, hub := range g.hubs() {
				g.kill(hub.pid)
				kills++
			}
		}
	})
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	for writer := range writers {
		writing.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				message := fmt.Sprint(writer, " ", i)
				r := g.run(fmt.Sprintf(`{"type":"a","message":%q}`, message), "record")
				mu.Lock()
				acknowledged[message] = r.status == 0
				mu.Unlock()
			}
		})
	}
	writing.Wait()
	killing.Wait()
	list, count, told := g.list("{}"), map[string]int{}, 0
	for _, e := range list {
		count[e.Message]++
	}
	for message, ok := range acknowledged {
		if ok {
			told++
		}
		if count[message] > 1 || ok && count[message] == 0 {
			t.Errorf("%q, acknowledged %v, is there %d times", message, ok, count[message])
		}
	}
	t.Logf("%d of %d events acknowledged, %d stored, hubs killed: %d", told, len(acknowledged), len(list), kills)
	if told < len(acknowledged)/2 || kills < enough {
		t.Error("that proves little")
	}
	if got := w.seqs(len(list)); got != seqs(list) {
		t.Errorf("the watch told of\n%s\nthe list is\n%s", got, seqs(list))
	}
}

func TestAnAPIServerOutOfReachIsAnErrorAndNoEmptyAnswer(t *testing.T) {
	t.Parallel()
	g := newEvents(t)
	line := g.newLine()
	g.okIn(`{"type":"a"}`, "record")
	line.cut()
	for name, again := range map[string]func(){"a hub that knew it": func() {}, "a new hub": func() { g.kill(g.hub().PID) }} {
		again()
		for _, op := range []string{"list", "latest-seq", "record", "ensure-running"} {
			r := g.run("{}", op)
			if r.status != 1 || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "API server") {
				t.Errorf("%s, %s: status %d, %q, %q", name, op, r.status, r.stdout, r.stderr)
			}
		}
	}
	line.restore()
	g.until("the log is reached again", func() bool { return g.run("", "latest-seq").stdout == "1\n" })
}

func TestWhatIsSpooledIsStoredOnceAndInOrder(t *testing.T) {
	t.Parallel()
	g := newEvents(t)
	line := g.newLine()
	g.env = append(g.env, "GC_EVENTS_SPOOL=1")
	g.okIn(`{"type":"a","message":"0"}`, "record")
	w := g.watch("1")
	line.cut()
	before := time.Now()
	for i := 1; i <= 5; i++ {
		r := g.run(fmt.Sprintf(`{"type":"a","message":"%d"}`, i), "record")
		if r.status != 0 || !strings.Contains(r.stderr, "kept on this machine") {
			t.Errorf("record with a spool: status %d, %q", r.status, r.stderr)
		}
		if i == 3 {
			g.kill(g.hub().PID)
		}
	}
	spooled := time.Now()
	g.kill(g.hub().PID)
	g.run("", "ensure-running") // any call starts a hub, which delivers
	line.restore()
	if got := w.seqs(5); got != "[2 3 4 5 6]" {
		t.Errorf("the watch told of %s", got)
	}
	for i, e := range g.list("{}") {
		if e.Message != fmt.Sprint(i) || i > 0 && (e.Time.Before(before) || e.Time.After(spooled)) {
			t.Errorf("event %d is %q of %s", e.Seq, e.Message, e.Time)
		}
	}
	g.is("6", "latest-seq")
}

func TestEventsWithoutAHub(t *testing.T) {
	t.Parallel()
	g := newEvents(t)
	g.env = append(g.env, "GC_HUB=off")
	g.ok("ensure-running")
	g.okIn(`{"type":"a","ts":"2026-03-01T12:00:00Z"}`, "record")
	g.is("1", "latest-seq")
	if got := g.okIn("{}", "list"); got != `[{"seq":1,"type":"a","ts":"2026-03-01T12:00:00Z"}]` {
		t.Errorf("list gives %s", got)
	}
	w := g.watch("0")
	w.next()
	w.out.Close()
	if got := w.wait(); got != "status 0" {
		t.Errorf("a watch that nobody reads: %s", got)
	}
	g.saysOneLine([]string{"no event given"}, "", "record")
	if r := g.run("", "rotate"); r.status != 2 {
		t.Errorf("an unknown operation: status %d", r.status)
	}
	if hubs := g.hubs(); len(hubs) != 0 {
		t.Errorf("there are hubs: %+v", hubs)
	}
}

func TestEventsWithoutTheRightToSayWhichRoleIsMissing(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	g.front = "gc-events-k8s"
	g.saysOneLine([]string{"agentd-events"}, "{}", "record")
	g.saysOneLine([]string{"agentd-events"}, "{}", "list")
	g.saysOneLine([]string{"agentd-events"}, "", "latest-seq")
}

func TestEventsOutliveTheAPIServer(t *testing.T) {
	c := cluster.Alone(t)
	g := eventsOf(t, c)
	g.okIn(`{"type":"a"}`, "record")
	w := g.watch("0")
	w.seqs(1)
	start := c.Stop(t, cluster.APIServer)
	g.saysOneLine([]string{"API server"}, "{}", "latest-seq")
	start()
	g.until("an event is stored again", func() bool { return g.run(`{"type":"b"}`, "record").status == 0 })
	g.until("it is listed", func() bool { return len(g.list(`{"Type":"b"}`)) == 1 })
	if got, want := w.seqs(1), seqs(g.list(`{"Type":"b"}`)); got != want {
		t.Errorf("the watch told of %s, want %s", got, want)
	}
}
