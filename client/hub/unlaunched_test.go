package hub

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
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
			var alive wire.ProcessAliveReply
			if err := w.ask(wire.OpProcessAlive, "s", wire.ProcessAlive{Names: []string{"bash"}}, &alive); err != nil || alive.Alive {
				t.Errorf("its process is %+v, %v", alive, err)
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
		if err != nil || f.removed != 1 || !slices.Equal(warnings, []string{"replacing what does not run: it is a script's"}) {
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

// noAgent is agentd's answer about metadata while it has no agent.
func noAgent(context.Context, *mux.Exchange) (any, error) {
	return nil, wire.Errorf(wire.CodeNoSession, "the session has no agent running")
}

func TestMetadataOfASessionWhoseAgentIsYetToBeLaunchedAreNoneAndCannotBeChangedYet(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(f *fakeSession){
		"its files are copied": func(f *fakeSession) { f.status.State = wire.StateStaging },
		"it waits for them":    func(*fakeSession) {},
		"it isn't up":          func(f *fakeSession) { f.unlaunched, f.refuses = true, errors.New("the pod is pending") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t, "s")
				spoil(f)
				for _, op := range []wire.Op{wire.OpMetaGet, wire.OpMetaList, wire.OpMetaSet, wire.OpMetaRemove} {
					f.handlers[op] = noAgent
				}
				w := newWorld(t, Options{}, f)
				began := time.Now()
				var got wire.Meta
				if err := w.ask(wire.OpMetaGet, "s", wire.Meta{Key: "K"}, &got); err != nil || got.Set {
					t.Errorf("get gives %+v, %v", got, err)
				}
				var all wire.MetaList
				if err := w.ask(wire.OpMetaList, "s", nil, &all); err != nil || len(all.Meta) > 0 {
					t.Errorf("list gives %+v, %v", all, err)
				}
				for _, op := range []wire.Op{wire.OpMetaSet, wire.OpMetaRemove} {
					err := w.ask(op, "s", wire.Meta{Key: "K", Value: "v"}, nil)
					if wire.CodeOf(err) != wire.CodeUnavailable || !strings.Contains(err.Error(), "still to be launched") {
						t.Errorf("%s: %v", op, err)
					}
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

func TestAgentdIsAskedForMetadataAgainOnceItHasLaunchedTheAgent(t *testing.T) {
	t.Parallel()
	for _, op := range []wire.Op{wire.OpMetaGet, wire.OpMetaList, wire.OpMetaSet, wire.OpMetaRemove} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t, "s")
				f.handlers[op] = func(ctx context.Context, x *mux.Exchange) (any, error) {
					if f.count(op) > 1 {
						return wire.Meta{Key: "K", Set: true}, nil
					}
					time.Sleep(100 * time.Millisecond) // of the bubble's clock
					f.running(1, "")
					synctest.Wait() // it is pushed
					return noAgent(ctx, x)
				}
				w := newWorld(t, Options{}, f)
				began := time.Now()
				var got wire.Meta
				if err := w.ask(op, "s", wire.Meta{Key: "K"}, &got); err != nil || !got.Set {
					t.Errorf("got %+v, %v", got, err)
				}
				if took := time.Since(began); took != 100*time.Millisecond {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}
