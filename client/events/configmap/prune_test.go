package configmap

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/test/cluster"
)

func TestPruning(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	l, other := open(t, c, ns), open(t, c, ns)
	for i := range 10 {
		record(t, l, `{"message":"%d"}`, i)
	}
	w := watching(t, other, 0)
	w.next(t, 10)
	prune := func(l *Log, p events.Prune) int {
		t.Helper()
		n, err := l.Prune(t.Context(), p)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	if n := prune(l, events.Prune{OlderThan: time.Hour}); n != 0 {
		t.Errorf("of what is young it deleted %d", n)
	}
	if n := prune(l, events.Prune{Keep: 10}); n != 0 {
		t.Errorf("of what is to be kept it deleted %d", n)
	}
	var pruning sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for _, l := range []*Log{l, other} {
		pruning.Go(func() {
			n := prune(l, events.Prune{Keep: 3})
			mu.Lock()
			defer mu.Unlock()
			total += n
		})
	}
	pruning.Wait()
	if total != 7 {
		t.Errorf("two at once deleted %d", total)
	}
	for _, l := range []*Log{l, other, open(t, c, ns)} {
		eventually(t, l, "8:7 9:8 10:9")
	}
	// All of it, and the counter is lost, too.
	c.Run(t, "-n", ns, "delete", "configmap", "gc-events-seq")
	if n := prune(open(t, c, ns), events.Prune{}); n != 3 {
		t.Errorf("it deleted %d", n)
	}
	fresh := open(t, c, ns)
	for _, l := range []*Log{l, other, fresh} {
		eventually(t, l, "")
		if got, err := l.Latest(t.Context()); got != 10 || err != nil {
			t.Errorf("latest is %d, %v", got, err)
		}
	}
	if seq := record(t, fresh, `{"message":"new"}`); seq != 11 {
		t.Errorf("the next has number %d", seq)
	}
	if got := short(w.next(t, 1)); got != "11:new" {
		t.Errorf("a watch that was there all along tells %s", got)
	}
}

// eventually waits until a log lists no more than some events: of deletions it is told by the watch.
func eventually(t *testing.T, l *Log, want string) {
	t.Helper()
	l.read()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_ = l.view.until(ctx, time.Minute, 0, func() bool {
		var all []events.Event
		for _, it := range l.view.settled(0) {
			all = append(all, it.event)
		}
		return l.view.synced && short(all) == want
	})
	if got := list(t, l, events.Filter{}, 0); got != want {
		t.Fatalf("listed are %s, want %s", got, want)
	}
}
