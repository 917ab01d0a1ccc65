package hub

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

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

func TestAStopGoesOnWithoutItsCaller(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(1, "")
	reached, release := make(chan struct{}), make(chan struct{})
	s.handlers[wire.OpStop] = func(ctx context.Context, _ *mux.Exchange) (any, error) {
		close(reached)
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
