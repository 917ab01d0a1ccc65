package hub

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// mirrored gives what is mirrored of a fake's metadata.
func (s *fakeSession) mirrored() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.left)
}

func TestMetadataThatAProgramInTheSessionChangesIsMirrored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, newFake(t, "s").running(1, ""))
	f := w.backend.sessions["s"]
	f.set(func() { f.meta = map[string]string{"a": "1"} })
	s := w.linked("s")
	w.await(s, func() bool { return !s.stale && maps.Equal(f.mirrored(), map[string]string{"a": "1"}) })
	f.set(func() { f.meta = map[string]string{"drain": "1"} })
	w.await(s, func() bool { return !s.stale && maps.Equal(f.mirrored(), map[string]string{"drain": "1"}) })
}

// What was acknowledged is in the mirror, even where agentd has no time to say so.
func TestAnAcknowledgedChangeIsMirrored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, newFake(t, "s").running(1, ""))
	f := w.backend.sessions["s"]
	f.set(func() { f.meta = map[string]string{"a": "1"} })
	s := w.linked("s")
	w.await(s, func() bool { return s.pushedMeta != nil })
	if err := w.ask(wire.OpMetaSet, "s", wire.Meta{Key: "drain", Value: "acked"}, nil); err != nil {
		t.Fatal(err)
	}
	if got := f.mirrored(); got["drain"] != "acked" || got["a"] != "1" {
		t.Errorf("mirrored is %q", got)
	}
}

func TestAChangeThatAgentdRefusesIsNotMirroredForLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, newFake(t, "s").running(1, ""))
	f := w.backend.sessions["s"]
	f.meta = map[string]string{"a": "1"}
	f.handlers[wire.OpMetaSet] = func(context.Context, *mux.Exchange) (any, error) {
		return nil, wire.Errorf(wire.CodeBadRequest, "not this key")
	}
	s := w.linked("s")
	if err := w.ask(wire.OpMetaSet, "s", wire.Meta{Key: "=", Value: "x"}, nil); wire.CodeOf(err) != wire.CodeBadRequest {
		t.Fatalf("got %v", err)
	}
	w.await(s, func() bool { return !s.stale && maps.Equal(f.mirrored(), map[string]string{"a": "1"}) })
}

// Who changes metadata waits for agentd, and for the mirror just for a moment.
func TestAMirrorThatFailsHoldsNothingUpAndIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, newFake(t, "s").running(1, ""))
	f := w.backend.sessions["s"]
	f.meta, f.mirrors = map[string]string{"a": "1"}, errors.New("no connection")
	s := w.linked("s")
	if err := w.ask(wire.OpMetaSet, "s", wire.Meta{Key: "b", Value: "2"}, nil); err != nil {
		t.Fatal(err)
	}
	f.quietly(func() { f.mirrors = nil })
	w.await(s, func() bool { return !s.stale && len(f.mirrored()) > 0 })
}

func TestTheLastMetadataIsMirrored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, newFake(t, "s").running(1, ""))
	f := w.backend.sessions["s"]
	s := w.linked("s")
	f.set(func() { f.meta = map[string]string{"last": "word"} })
	w.await(s, func() bool { return s.pushedMeta != nil })
	f.end(0)
	w.await(s, func() bool { return s.over && !s.stale })
	if got := f.mirrored(); got["last"] != "word" {
		t.Errorf("mirrored is %q", got)
	}
}

// The agent's end is known before its last words are mirrored.
func TestWhatAnAgentLastSaidIsToldThoughItIsNotMirroredYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, newFake(t, "s").running(1, ""))
	f := w.backend.sessions["s"]
	f.mirrors = errors.New("no connection")
	s := w.linked("s")
	f.set(func() { f.meta = map[string]string{"last": "word"} })
	w.await(s, func() bool { return s.pushedMeta != nil })
	f.end(0)
	if status := w.state("s"); status.State != wire.StateExited {
		w.await(s, func() bool { return s.status.State == wire.StateExited })
	}
	var got wire.Meta
	if err := w.ask(wire.OpMetaGet, "s", wire.Meta{Key: "last"}, &got); err != nil || got.Value != "word" {
		t.Errorf("meta.get gives %+v, %v", got, err)
	}
	var list wire.MetaList
	if err := w.ask(wire.OpMetaList, "s", nil, &list); err != nil || list.Meta["last"] != "word" {
		t.Errorf("meta.list gives %+v, %v", list, err)
	}
	// A change now would be undone by the mirror that is to come.
	err := w.ask(wire.OpMetaSet, "s", wire.Meta{Key: "later", Value: "word"}, nil)
	if wire.CodeOf(err) != wire.CodeUnavailable || !strings.Contains(err.Error(), "no connection") {
		t.Errorf("meta.set gives %v", err)
	}
	f.quietly(func() { f.mirrors = nil })
	w.await(s, func() bool { return !s.stale })
	if got := f.mirrored(); got["last"] != "word" {
		t.Errorf("mirrored is %q", got)
	}
	if err := w.ask(wire.OpMetaSet, "s", wire.Meta{Key: "later", Value: "word"}, nil); err != nil {
		t.Error(err)
	}
	if got := f.mirrored(); got["last"] != "word" || got["later"] != "word" {
		t.Errorf("mirrored is %q", got)
	}
}

// withLastWords is a hub that could not mirror what an agent said last, and its session.
func withLastWords(t *testing.T) (*world, *session, *fakeSession) {
	t.Helper()
	w := newWorld(t, Options{}, newFake(t, "s").running(1, ""))
	f := w.backend.sessions["s"]
	f.set(func() { f.meta = map[string]string{"first": "word"} })
	s := w.linked("s")
	w.await(s, func() bool { return s.mirrored != nil && !s.stale })
	f.quietly(func() { f.mirrors = errors.New("no connection") })
	f.set(func() { f.meta = map[string]string{"last": "word"} })
	w.await(s, func() bool { return s.pushedMeta["last"] != "" })
	f.end(0)
	w.await(s, func() bool { return s.over })
	for range 2 { // the first may have been tried before the end
		s.update(func() { s.unmirrored = nil })
		w.await(s, func() bool { return s.unmirrored != nil })
	}
	return w, s, f
}

// Another hub had the connection, told of the agent's last words, and took a change.
func TestALateMirrorUndoesNoChange(t *testing.T) {
	t.Parallel()
	w, s, f := withLastWords(t)
	changed := map[string]string{"last": "word", "later": "word"}
	f.quietly(func() { f.left, f.mirrors = maps.Clone(changed), nil })
	w.await(s, func() bool { return !s.stale })
	if got := f.mirrored(); !maps.Equal(got, changed) {
		t.Errorf("mirrored is %q", got)
	}
}

// The link was lost before the end, and with it what the agent said last; agentd left that with the session.
func TestWhatAHubWasToldBeforeItsLinkWasLostIsNotMirroredOverTheLastWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, newFake(t, "s").running(1, ""))
	f := w.backend.sessions["s"]
	f.mirrors = errors.New("no connection")
	s := w.linked("s")
	f.set(func() { f.meta = map[string]string{"first": "word"} })
	w.await(s, func() bool { return s.unmirrored != nil })
	f.quietly(func() {
		f.condition, f.refuses = Ended, errors.New("nobody listens")
		f.left, f.complete = map[string]string{"last": "word"}, true
	})
	f.drop(wire.CloseShutdown)
	w.await(s, func() bool { return s.over })
	var got wire.MetaList
	if err := w.ask(wire.OpMetaList, "s", nil, &got); err != nil || !maps.Equal(got.Meta, map[string]string{"last": "word"}) {
		t.Errorf("meta.list gives %+v, %v", got, err)
	}
	f.quietly(func() { f.mirrors = nil })
	if err := w.ask(wire.OpMetaSet, "s", wire.Meta{Key: "later", Value: "word"}, nil); err != nil {
		t.Fatal(err)
	}
	if got := f.mirrored(); !maps.Equal(got, map[string]string{"last": "word", "later": "word"}) {
		t.Errorf("mirrored is %q", got)
	}
}

// agentd acknowledged a value that was neither mirrored then, nor had room in what agentd left with the session.
func TestAValueThatAgentdHadNoRoomForIsTakenFromWhatTheHubWasTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, newFake(t, "s").running(1, ""))
	f := w.backend.sessions["s"]
	f.mirrors = errors.New("no connection")
	s := w.linked("s")
	f.set(func() { f.meta = map[string]string{"large": "value", "first": "word"} })
	w.await(s, func() bool { return s.unmirrored != nil })
	f.quietly(func() {
		f.condition, f.refuses = Ended, errors.New("nobody listens")
		f.left, f.complete, f.lacks = map[string]string{"last": "word"}, true, []string{"large"}
	})
	f.drop(wire.CloseShutdown)
	w.await(s, func() bool { return s.over })
	want := map[string]string{"last": "word", "large": "value"}
	var got wire.MetaList
	if err := w.ask(wire.OpMetaList, "s", nil, &got); err != nil || !maps.Equal(got.Meta, want) {
		t.Errorf("meta.list gives %+v, %v", got, err)
	}
	f.quietly(func() { f.mirrors = nil })
	w.await(s, func() bool { return !s.stale })
	if got := f.mirrored(); !maps.Equal(got, want) {
		t.Errorf("mirrored is %q", got)
	}
}

func TestAHubIsNotIdleWithLastWordsUnwritten(t *testing.T) {
	t.Parallel()
	f := newFake(t, "s").running(1, "")
	w := newWorld(t, Options{Idle: time.Hour}, f)
	f.meta, f.mirrors = map[string]string{"last": "word"}, errors.New("no connection")
	s := w.linked("s")
	w.await(s, func() bool { return s.pushedMeta != nil })
	f.end(0)
	w.await(s, func() bool { return s.over })
	h := w.hub
	longIdle := func() bool {
		h.mu.Lock()
		h.busy, h.clients = time.Time{}, map[*client]struct{}{}
		h.mu.Unlock()
		return h.isIdle()
	}
	if longIdle() {
		t.Error("it is idle before they are written")
	}
	f.quietly(func() { f.mirrors = nil })
	w.await(s, func() bool { return !s.stale })
	if !longIdle() {
		t.Error("it is not idle when they are")
	}
}

func TestAHubLeavesWithNoLastWordsUnwritten(t *testing.T) {
	t.Parallel()
	w, _, f := withLastWords(t)
	var closing sync.WaitGroup
	closing.Go(w.hub.Close)
	<-w.hub.leaving
	f.quietly(func() { f.mirrors = nil })
	closing.Wait()
	if got := f.mirrored(); got["last"] != "word" {
		t.Errorf("mirrored is %q", got)
	}
}

// Something of another make under our names is shown and can be removed.
func TestASessionWithoutAgentdIsListedAndStoppedAndSaysWhatItIs(t *testing.T) {
	t.Parallel()
	f := newFake(t, "s")
	f.condition, f.why, f.refuses = Foreign, "the script's pod", errors.New("nobody listens")
	w := newWorld(t, Options{}, f)
	var list wire.ListReply
	if err := w.ask(wire.OpList, "", wire.List{}, &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Sessions) != 1 || list.Sessions[0].State != wire.StateRunning {
		t.Errorf("listed are %+v", list.Sessions)
	}
	for _, op := range []wire.Op{wire.OpPeek, wire.OpMetaGet, wire.OpProcessAlive, wire.OpKeys} {
		if err := w.ask(op, "s", nil, nil); wire.CodeOf(err) != wire.CodeUnsupported || !strings.Contains(err.Error(), "the script's pod") {
			t.Errorf("%s: %v", op, err)
		}
	}
	if err := w.ask(wire.OpStop, "s", wire.Stop{}, nil); err != nil {
		t.Fatal(err)
	}
	if f.removed == 0 {
		t.Error("it was not removed")
	}
}

// A context's name may come to mean another cluster while the hub runs.
func TestAHubWhosePlaceHasMovedLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.backend.stale.Store(true)
	conn, err := w.hub.Connect(t.Context())
	if err == nil {
		<-conn.Done()
		err = conn.Err()
	}
	if mux.CloseCode(err) != wire.CloseReplaced {
		t.Errorf("got %v", err)
	}
	select {
	case <-w.hub.leaving:
	default:
		t.Error("the hub stays")
	}
}
