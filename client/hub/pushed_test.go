package hub

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func TestWhatWasPushedIsAnsweredWithoutAsking(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(7, "screen\n")
	w := newWorld(t, Options{}, s)
	w.linked("s")
	asked := s.count(wire.OpState)
	for range 10 {
		if got := w.state("s"); got.State != wire.StateRunning {
			t.Fatalf("state %+v", got)
		}
		var a wire.ActivityReply
		if err := w.ask(wire.OpActivity, "s", nil, &a); err != nil || !a.Time.Equal(time.Unix(1, 0)) {
			t.Fatalf("activity %v, %v", a.Time, err)
		}
	}
	if now := s.count(wire.OpState); now != asked {
		t.Errorf("agentd was asked %d times", now-asked)
	}
}

func TestAChangeThatWasPushedIsToldAtOnce(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(7, "screen\n")
	w := newWorld(t, Options{}, s)
	known := w.linked("s")
	for i := range 20 {
		at := time.Unix(int64(i+10), 0).UTC()
		s.set(func() { s.status.Activity = at })
		w.await(known, func() bool { return known.status.Activity.Equal(at) })
		if got := w.state("s"); !got.Activity.Equal(at) {
			t.Errorf("activity %s, want %s", got.Activity, at)
		}
	}
}

// The link looks alive, as nothing has ended it, but no sign of life has come for a while.
func TestASilentLinkIsNotBelieved(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(7, "screen\n")
	w := newWorld(t, Options{Ping: 50 * time.Millisecond}, s)
	known := w.linked("s")
	s.fallSilent()
	poll(t, "the end of the belief in a silent link", func() bool {
		known.mu.Lock()
		defer known.mu.Unlock()
		return !known.proven()
	})
	s.set(func() { s.status.State = wire.StateExited }) // which doesn't arrive
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var reply wire.StateReply
	if err := w.conn.Call(ctx, mux.Request{Op: wire.OpState, Session: "s"}, &reply); err == nil {
		t.Fatalf("answered %+v from before the silence", reply)
	}
	s.talk()
	w.await(known, func() bool { return known.status.State == wire.StateExited })
}

func TestALostLinkIsWaitedForNotTakenForTheEnd(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(7, "screen\n")
	w := newWorld(t, Options{}, s)
	w.linked("s")
	for range 5 {
		s.drop(wire.CloseShutdown) // agentd is restarted
		if got := w.state("s"); got.State != wire.StateRunning {
			t.Fatalf("state %+v", got)
		}
	}
}

func TestASessionThatDoesNotAnswerIsAnErrorAndNotTheEnd(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(7, "screen\n")
	s.refuses = fmt.Errorf("no way there")
	w := newWorld(t, Options{}, s)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	// As the hub's own caller, whose time is up before the client's is.
	known, err := w.hub.find(ctx, "s")
	if err != nil {
		t.Fatal(err)
	}
	_, err = known.settle(ctx)
	if wire.CodeOf(err) != wire.CodeUnavailable || !strings.Contains(err.Error(), `"s"`) || !strings.Contains(err.Error(), "no way there") {
		t.Errorf("got %v (%s), want that it does not answer, and why", err, wire.CodeOf(err))
	}
}

func TestWhatBecameOfASessionIsAskedOfItsBackend(t *testing.T) {
	t.Parallel()
	t.Run("it lost its agentd: it gets a new one", func(t *testing.T) {
		t.Parallel()
		s := newFake(t, "s").running(7, "screen\n")
		s.condition, s.refuses = Orphaned, fmt.Errorf("nobody listens")
		w := newWorld(t, Options{}, s)
		if got := w.state("s"); got.State != wire.StateRunning || s.revived != 1 {
			t.Errorf("state %+v after %d new agentds", got, s.revived)
		}
	})
	t.Run("it has ended: how is what it left", func(t *testing.T) {
		t.Parallel()
		s := newFake(t, "s")
		s.condition, s.refuses = Ended, fmt.Errorf("nobody listens")
		s.exit = &wire.Exit{Status: 42, Time: time.Unix(3, 0).UTC()}
		w := newWorld(t, Options{}, s)
		if got := w.state("s"); got.State != wire.StateExited || got.Exit == nil || got.Exit.Status != 42 {
			t.Errorf("state %+v, exit %+v", got, got.Exit)
		}
	})
	t.Run("it was never finished: it is removed", func(t *testing.T) {
		t.Parallel()
		s := newFake(t, "s")
		s.condition, s.refuses = HalfMade, fmt.Errorf("nobody listens")
		w := newWorld(t, Options{}, s)
		if err := w.ask(wire.OpState, "s", nil, nil); wire.CodeOf(err) != wire.CodeNoSession || s.removed != 1 {
			t.Errorf("got %v after %d removals", err, s.removed)
		}
	})
	t.Run("it is gone: there is no such session", func(t *testing.T) {
		t.Parallel()
		s := newFake(t, "s")
		s.condition, s.refuses = Gone, fmt.Errorf("nobody listens")
		w := newWorld(t, Options{}, s)
		delete(w.backend.sessions, "s")
		if err := w.ask(wire.OpState, "s", nil, nil); wire.CodeOf(err) != wire.CodeNoSession {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnEndThatWasPushedIsTheEnd(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(7, "screen\n")
	s.left, s.log = map[string]string{"KEY": "left"}, "said\n"
	w := newWorld(t, Options{}, s)
	known := w.linked("s")
	s.end(3)
	w.await(known, func() bool { return known.over })
	if got := w.state("s"); got.Exit == nil || got.Exit.Status != 3 {
		t.Errorf("state %+v, exit %+v", got, got.Exit)
	}
	var m wire.Meta
	if err := w.ask(wire.OpMetaGet, "s", wire.Meta{Key: "KEY"}, &m); err != nil || m.Value != "left" {
		t.Errorf("metadata %+v, %v", m, err)
	}
	if err := w.ask(wire.OpMetaSet, "s", wire.Meta{Key: "KEY", Value: "later"}, nil); err != nil {
		t.Error(err)
	}
	var all wire.MetaList
	if err := w.ask(wire.OpMetaList, "s", nil, &all); err != nil || all.Meta["KEY"] != "later" {
		t.Errorf("metadata %+v, %v", all, err)
	}
	for _, op := range []wire.Op{wire.OpPeek, wire.OpKeys, wire.OpInterrupt, wire.OpClear, wire.OpProcessAlive, wire.OpAttach, wire.OpGet} {
		if err := w.ask(op, "s", wire.Meta{}, nil); wire.CodeOf(err) != wire.CodeNoSession {
			t.Errorf("%s: %v", op, err)
		}
	}
}

func TestALaterSessionOfTheNameIsNotTakenForTheOneBefore(t *testing.T) {
	t.Parallel()
	first := newFake(t, "s").running(7, "first\n")
	w := newWorld(t, Options{}, first)
	known := w.linked("s")
	first.end(0)
	w.await(known, func() bool { return known.over })
	// Another hub has removed it and started another.
	w.backend.add(newFake(t, "s").running(3, "second\n"))
	if got := w.state("s"); got.State != wire.StateRunning {
		t.Errorf("state %+v", got)
	}
	if text, _ := w.peek("s", wire.Peek{}); text != "second\n" {
		t.Errorf("screen %q", text)
	}
}

func TestAWatcherOfASessionThatWasReplacedIsToldOfItsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, newFake(t, "a").running(1, "old"))
	ctx, cancel := context.WithTimeout(t.Context(), testPatience)
	defer cancel()
	call, err := w.conn.Open(ctx, mux.Request{Op: wire.OpWatch, Session: "a"})
	if err != nil {
		t.Fatal(err)
	}
	defer call.Cancel()
	if _, err := call.NextPush(); err != nil {
		t.Fatal(err)
	}
	// Another hub has ended it and made one anew, before this hub's link has told.
	w.backend.add(newFake(t, "a").running(1, "new"))
	if err := w.hub.adoptAll(ctx); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := call.NextPush(); err != nil {
			break
		}
	}
	if err := call.Result(nil); wire.CodeOf(err) != wire.CodeNoSession {
		t.Errorf("the watch ended with %v", err)
	}
}

func TestAWatcherIsToldOfEachChangeOnceAndRidesOutALostLink(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(1, "screen\n")
	w := newWorld(t, Options{}, s)
	w.linked("s")
	call, err := w.conn.Open(t.Context(), mux.Request{Op: wire.OpWatch, Session: "s"})
	if err != nil {
		t.Fatal(err)
	}
	defer call.Cancel()
	var screens []uint64
	next := func() wire.Status {
		push, err := call.NextPush()
		if err != nil {
			t.Fatal(err)
		}
		var e wire.Event
		if err := decode(push, &e); err != nil {
			t.Fatal(err)
		}
		screens = append(screens, e.Screen)
		return e.Status
	}
	next()
	for version := uint64(2); version < 5; version++ {
		s.set(func() { s.status.Screen = version })
		next()
	}
	s.drop(wire.CloseShutdown)
	s.set(func() { s.status.Screen = 9 })
	next()
	if want := []uint64{1, 2, 3, 4, 9}; !slices.Equal(screens, want) {
		t.Errorf("told of %v, want %v", screens, want)
	}
	s.end(5)
	if last := next(); last.State != wire.StateExited || last.Exit == nil || last.Exit.Status != 5 {
		t.Errorf("the last word was %+v", last)
	}
	if err := call.Result(nil); err != nil {
		t.Errorf("the watch ends with %v", err)
	}
}
