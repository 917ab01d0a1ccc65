package hub

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// As where clocks differ, or somebody may make pods and no port-forwards.
func TestAStartWhoseAgentdRunsAndCantBeReachedSaysWhy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		refuses error
		code    wire.Code
	}{
		"the way to it is broken":  {errors.New("upgrade refused by a proxy"), wire.CodeUnavailable},
		"it doesn't answer":        {wire.Errorf(wire.CodeUnavailable, "connection refused"), wire.CodeUnavailable},
		"it refuses the token":     {wire.Errorf(wire.CodeForbidden, "refused: 401"), wire.CodeFailed},
		"nobody lets one go there": {wire.Errorf(wire.CodeFailed, `cannot create resource "pods/portforward"`), wire.CodeFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, Options{})
				made := newFake(t, "s")
				made.refuses = test.refuses
				w.backend.create = func(context.Context, Spec) (*fakeSession, error) { return made, nil }
				began := time.Now()
				_, err := w.start(t.Context(), "s", "", wire.Start{})
				if wire.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.refuses.Error()) {
					t.Errorf("got %v (%s)", err, wire.CodeOf(err))
				}
				if took := time.Since(began); took != patience {
					t.Errorf("it took %s", took)
				}
				if made.removed == 0 {
					t.Error("it is left")
				}
			})
		})
	}
}

func TestAnAgentdIsWaitedForAsLongAsItsPlaceComesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		made := newFake(t, "s")
		made.refuses, made.coming = errors.New("the pod is pending"), make(chan struct{})
		w.backend.create = func(context.Context, Spec) (*fakeSession, error) { return made, nil }
		go func() {
			time.Sleep(10 * time.Minute) // of the bubble's clock
			close(made.coming)
			time.Sleep(patience - time.Second)
			made.quietly(func() { made.refuses = nil })
		}()
		if _, err := w.start(t.Context(), "s", "", wire.Start{}); err != nil {
			t.Error(err)
		}
	})
}

// A kubelet reports what became of a container a moment after its connections have ended.
func TestAStartWhoseLinkIsLostSaysWhatBecameOfItsPlace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		after time.Duration // 0: it is never told
		code  wire.Code
		says  string
	}{
		"it ran out of memory": {2 * time.Second, wire.CodeFailed, "OOMKilled"},
		"it seems to live":     {0, wire.CodeUnavailable, "the connection to its agentd was lost"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, Options{})
				made := newFake(t, "s")
				made.handlers[wire.OpLaunch] = func(ctx context.Context, _ *mux.Exchange) (any, error) {
					go made.drop(wire.CloseShutdown)
					<-ctx.Done()
					if test.after > 0 {
						time.Sleep(test.after) // of the bubble's clock
						made.doom <- wire.Errorf(wire.CodeFailed, "OOMKilled")
					}
					return nil, ctx.Err()
				}
				w.backend.create = func(context.Context, Spec) (*fakeSession, error) { return made, nil }
				if _, err := w.start(t.Context(), "s", "", wire.Start{}); wire.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v (%s)", err, wire.CodeOf(err))
				}
			})
		})
	}
}
