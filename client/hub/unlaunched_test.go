package hub

import (
	"errors"
	"slices"
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

// As of a pod of the script's whose image can't be pulled.
func TestWhatIsForeignAndNeverCameUpDoesNotRunAndIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, "s")
		f.condition, f.unlaunched, f.why, f.refuses = Foreign, true, "it is a script's", errors.New("it has no agentd")
		w := newWorld(t, Options{}, f)
		states := func(want wire.State) {
			t.Helper()
			var list wire.ListReply
			if err := w.ask(wire.OpList, "", nil, &list); err != nil || len(list.Sessions) != 1 || list.Sessions[0].State != want {
				t.Errorf("listed is %+v, %v; want the state %q", list, err, want)
			}
			if status := w.state("s"); status.State != want {
				t.Errorf("the state is %+v, want %q", status, want)
			}
		}
		states(wire.StateWaiting)
		synctest.Wait() // until it is known to be foreign
		states(wire.StateWaiting)
		f.quietly(func() { f.unlaunched = false })
		if _, err := w.start(t.Context(), "s", "", wire.Start{}); wire.CodeOf(err) != wire.CodeExists {
			t.Errorf("start once it runs: %v", err)
		}
		states(wire.StateRunning)
		f.quietly(func() { f.unlaunched = true })
		time.Sleep(2 * foreignLook) // of the bubble's clock
		states(wire.StateWaiting)
		warnings, err := w.start(t.Context(), "s", "", wire.Start{})
		if err != nil || f.removed != 1 || !slices.Equal(warnings, []string{"replacing what never came up: it is a script's"}) {
			t.Errorf("start: %v; removed %d times; it said %q", err, f.removed, warnings)
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
