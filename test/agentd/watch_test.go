package agentd_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// watching is a watch whose pushes are counted as they come.
type watching struct {
	t      *testing.T
	call   *mux.Call
	events chan wire.Event
}

func (d *daemon) watch(c *mux.Conn) *watching {
	d.t.Helper()
	k, err := c.Open(d.t.Context(), mux.Request{Op: wire.OpWatch})
	if err != nil {
		d.t.Fatal(err)
	}
	w := &watching{t: d.t, call: k, events: make(chan wire.Event, 4096)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(w.events)
		for {
			raw, err := k.NextPush()
			if err != nil {
				return
			}
			var e wire.Event
			if err := json.Unmarshal(raw, &e); err != nil {
				d.t.Error(err)
			}
			w.events <- e
		}
	}()
	d.t.Cleanup(func() {
		k.Cancel()
		<-done
	})
	return w
}

// next gives the next event.
func (w *watching) next() wire.Event {
	w.t.Helper()
	select {
	case e, ok := <-w.events:
		if !ok {
			w.t.Fatalf("the watch ended: %v", w.call.Result(nil))
		}
		return e
	case <-time.After(patience):
		w.t.Fatal("no event")
	}
	return wire.Event{}
}

// rest waits until nothing has been pushed for so long.
func (w *watching) rest(quiet time.Duration) {
	w.t.Helper()
	late := time.After(patience)
	for {
		select {
		case _, ok := <-w.events:
			if !ok {
				w.t.Fatalf("the watch ended: %v", w.call.Result(nil))
			}
		case <-time.After(quiet):
			return
		case <-late:
			w.t.Fatal("the watch never rests")
		}
	}
}

func TestWatchTellsTheWholeLife(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	w := d.watch(c)
	if e := w.next(); e.State != wire.StateWaiting {
		t.Errorf("first %+v", e)
	}
	if _, err := d.put(c, wire.Put{WorkDir: d.path("work")}, pack(t, file("f"))); err != nil {
		t.Fatal(err)
	}
	if e := w.next(); e.State != wire.StateStaging {
		t.Errorf("after the first file: %+v", e)
	}
	d.launch(c, "read go; exit 9")
	for e := w.next(); e.State != wire.StateRunning; e = w.next() {
		if e.State != wire.StateStaging {
			t.Fatalf("before the agent runs: %+v", e)
		}
	}
	d.call(c, wire.OpKeys, wire.Keys{Keys: []string{"Enter"}}, nil)
	for e := w.next(); ; e = w.next() {
		if e.State == wire.StateExited {
			if e.Exit == nil || e.Exit.Status != 9 {
				t.Errorf("exit %+v", e.Exit)
			}
			break
		}
	}
	if err := w.call.Result(nil); err != nil {
		t.Errorf("the watch's end: %v", err)
	}
}

// Whoever keeps a copy of the pushed state on the same connection must not answer from before its own write.
func TestAWritesOwnWatchKnowsOfItBeforeTheReply(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "cat")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	k, err := c.Open(ctx, mux.Request{Op: wire.OpWatch})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Cancel()
	known := uint64(0) // what the watch has brought so far
	take := func() {
		raw, err := k.NextPush()
		if err != nil {
			t.Fatal(err)
		}
		var e wire.Event
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		known = e.Screen
	}
	take()
	for range 20 {
		_, held := d.peek(c, wire.Peek{Lines: 1})
		d.call(c, wire.OpKeys, wire.Keys{Keys: []string{"x"}}, nil)
		// The push was sent before the reply that has come by now, so it is here without waiting for anything else.
		for known <= held.Screen {
			take()
		}
		if _, reply := d.peek(c, wire.Peek{Lines: 1, Have: held.Screen}); reply.Unchanged {
			t.Fatal("the screen is unchanged after a key")
		}
	}
}

func TestWatchIsCalmInAFlood(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "read go; yes")
	w := d.watch(c)
	w.next()
	d.call(c, wire.OpKeys, wire.Keys{Keys: []string{"Enter"}}, nil)
	began := time.Now()
	count := 0
	for time.Since(began) < 2*time.Second {
		w.next()
		count++
	}
	if count < 2 || count > 6 {
		t.Errorf("%d pushes in 2 s of flood, want about 3", count)
	}
	d.call(c, wire.OpInterrupt, nil, nil)
}

func TestWatchIsSilentWhenNothingHappens(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "cat")
	w := d.watch(c)
	w.rest(1500 * time.Millisecond) // after the launch's own
	select {
	case e := <-w.events:
		t.Errorf("pushed without news: %+v", e)
	case <-time.After(time.Second):
	}
}

func TestWatchTellsAtOnceThatAPeekedScreenChanged(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "cat")
	writer := d.dial()
	w := d.watch(c)
	w.next()
	worst := time.Duration(0)
	for range 10 {
		_, held := d.peek(c, wire.Peek{Lines: 1})
		began := time.Now()
		d.call(writer, wire.OpKeys, wire.Keys{Keys: []string{"x"}}, nil)
		for w.next().Screen <= held.Screen {
		}
		worst = max(worst, time.Since(began))
	}
	t.Logf("a peeked screen's change was told within %v", worst)
	if worst > time.Second {
		t.Errorf("it took %v", worst)
	}
}
