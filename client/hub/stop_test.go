package hub

import (
	"cmp"
	"context"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func TestAStopEndsAStartUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	made, reached := hanging(t)
	w.backend.create = func(context.Context, Spec) (*fakeSession, error) { return made, nil }
	result := make(chan error, 1)
	go func() {
		_, err := w.start(t.Context(), "s", "", wire.Start{})
		result <- err
	}()
	<-reached
	if err := w.ask(wire.OpStop, "s", wire.Stop{}, nil); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := <-result; err == nil || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("start: %v", err)
	}
	if made.removed != 1 {
		t.Errorf("removed %d times", made.removed)
	}
}

// The stop comes last in line for the name.
func TestAStopEndsAStartThatWaitsForAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		made, reached := hanging(t)
		w.backend.create = func(context.Context, Spec) (*fakeSession, error) { return made, nil }
		results := make(chan error, 2)
		start := func() {
			_, err := w.start(t.Context(), "s", "", wire.Start{})
			results <- err
		}
		go start()
		<-reached
		w.backend.create = nil
		go start()
		synctest.Wait()
		if err := w.ask(wire.OpStop, "s", wire.Stop{}, nil); err != nil {
			t.Errorf("stop: %v", err)
		}
		for range 2 {
			if err := <-results; err == nil || !strings.Contains(err.Error(), errStopped.Error()) {
				t.Errorf("start: %v", err)
			}
		}
		if w.backend.has("s") {
			t.Error("it is left")
		}
	})
}

// reluctant is a session whose agent takes the time that it is granted, 10 s where none is said; a second stop can only shorten it.
func reluctant(t *testing.T) *fakeSession {
	s := newFake(t, "s").running(1, "")
	var mu sync.Mutex
	var deadline time.Time
	s.handlers[wire.OpStop] = func(ctx context.Context, x *mux.Exchange) (any, error) {
		var q wire.Stop
		if err := x.Decode(&q); err != nil {
			return nil, err
		}
		end := time.Now().Add(cmp.Or(time.Duration(q.GraceMS)*time.Millisecond, 10*time.Second))
		mu.Lock()
		if deadline.IsZero() || end.Before(deadline) {
			deadline = end
		}
		mu.Unlock()
		for {
			mu.Lock()
			left := time.Until(deadline)
			mu.Unlock()
			if left <= 0 {
				return nil, nil
			}
			if err := sleep(ctx, min(left, time.Second)); err != nil {
				return nil, err
			}
		}
	}
	return s
}

func TestAnAgentGetsTheGraceThatItIsGrantedOrNobodyIsToldThatItDoes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		grace, takes time.Duration
		code         wire.Code
	}{
		{0, 10 * time.Second, ""},
		{time.Second, time.Second, ""},
		{30 * time.Second, 30 * time.Second, ""},
		{time.Hour, time.Hour, ""},
		{time.Hour + time.Millisecond, 0, wire.CodeBadRequest},
		{math.MaxInt64, 0, wire.CodeBadRequest},
		{-time.Second, 0, wire.CodeBadRequest},
	} {
		t.Run(test.grace.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := reluctant(t)
				w := newWorld(t, Options{}, s)
				began := time.Now()
				err := w.conn.Call(t.Context(), mux.Request{Op: wire.OpStop, Session: "s", Body: wire.Stop{GraceMS: test.grace.Milliseconds()}}, nil)
				if took := time.Since(began); wire.CodeOf(err) != test.code || took != test.takes {
					t.Errorf("after %s: %v; want %q after %s", took, err, test.code, test.takes)
				}
				if ended := test.code == ""; w.backend.has("s") == ended || s.dead != ended {
					t.Errorf("it is left: %t; it ended by itself: %t", w.backend.has("s"), s.dead)
				}
			})
		})
	}
}

// gc allows 30 s.
func TestASecondStopShortensTheFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := reluctant(t)
		w := newWorld(t, Options{}, s)
		first := make(chan error, 1)
		go func() {
			first <- w.conn.Call(t.Context(), mux.Request{Op: wire.OpStop, Session: "s", Body: wire.Stop{GraceMS: time.Hour.Milliseconds()}}, nil)
		}()
		time.Sleep(time.Minute) // of the bubble's clock
		began := time.Now()
		if err := w.ask(wire.OpStop, "s", wire.Stop{}, nil); err != nil && wire.CodeOf(err) != wire.CodeNoSession {
			t.Error(err)
		}
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("it took %s", took)
		}
		if err := <-first; err != nil || !s.dead {
			t.Errorf("the first stop: %v; it ended by itself: %t", err, s.dead)
		}
	})
}

func TestAStopGoesOnWithoutItsCaller(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(1, "")
	reached, release := make(chan struct{}, 2), make(chan struct{}) // the next stop comes to agentd, too
	s.handlers[wire.OpStop] = func(ctx context.Context, _ *mux.Exchange) (any, error) {
		reached <- struct{}{}
		select {
		case <-release:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	w := newWorld(t, Options{}, s)
	caller, err := w.hub.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := caller.Open(t.Context(), mux.Request{Op: wire.OpStop, Session: "s", Body: wire.Stop{}}); err != nil {
		t.Fatal(err)
	}
	<-reached
	if got := w.state("s"); !got.Stopping {
		t.Errorf("while it is being stopped: %+v", got)
	}
	_ = caller.Close(wire.CloseNormal, "")
	close(release)
	if err := w.ask(wire.OpStop, "s", wire.Stop{}, nil); err != nil && wire.CodeOf(err) != wire.CodeNoSession {
		t.Errorf("the next stop: %v", err)
	}
	if s.removed != 1 || w.backend.has("s") {
		t.Errorf("removed %d times", s.removed)
	}
}

func TestAnAgentdThatCannotStopItsSessionIsEndedByForce(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(1, "")
	s.handlers[wire.OpStop] = func(context.Context, *mux.Exchange) (any, error) {
		return nil, wire.Errorf(wire.CodeInternal, "tmux does not answer")
	}
	w := newWorld(t, Options{}, s)
	if err := w.ask(wire.OpStop, "s", wire.Stop{}, nil); err != nil || s.removed != 1 {
		t.Errorf("stop: %v; removed %d times", err, s.removed)
	}
	if err := w.ask(wire.OpStop, "s", wire.Stop{}, nil); wire.CodeOf(err) != wire.CodeNoSession {
		t.Errorf("stop of nothing: %v", err)
	}
}
