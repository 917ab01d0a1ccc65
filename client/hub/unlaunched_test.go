package hub

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// An image may take minutes, and gc asks meanwhile.
func TestASessionThatNothingCanRunInYetDoesNotRunAndIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, "s")
		f.unlaunched, f.refuses = true, errors.New("the pod is pending")
		w := newWorld(t, Options{}, f)
		began := time.Now()
		for range 3 {
			if status := w.state("s"); status.State != wire.StateWaiting {
				t.Errorf("the state is %+v", status)
			}
			var list wire.ListReply
			if err := w.ask(wire.OpList, "", nil, &list); err != nil || len(list.Sessions) != 1 {
				t.Fatalf("listed is %+v, %v", list, err)
			}
			if got := list.Sessions[0]; got.State != wire.StateWaiting || got.Lost != "" {
				t.Errorf("listed is %+v", got)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %s", took)
		}
		f.running(1, "").quietly(func() { f.unlaunched, f.refuses = false, nil })
		if status := w.state("s"); status.State != wire.StateRunning {
			t.Errorf("once it runs the state is %+v", status)
		}
	})
}

func TestASessionThatAnotherHubMakesIsWaitedForAsLongAsNobodyAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, "s")
		f.condition, f.refuses = Making, errors.New("the pod is pending")
		w := newWorld(t, Options{}, f)
		result := make(chan error, 1)
		go func() {
			_, err := w.start(t.Context(), "s", "", wire.Start{})
			result <- err
		}()
		time.Sleep(2 * patience) // of the bubble's clock
		select {
		case err := <-result:
			t.Fatalf("not waited for: %v", err)
		default:
		}
		f.running(1, "").quietly(func() { f.condition, f.refuses = Reachable, nil })
		if err := <-result; wire.CodeOf(err) != wire.CodeExists {
			t.Errorf("got %v, want a duplicate", err)
		}
	})
}
