package agentd

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// unlaunched is a session without an agent, as far as endUnlaunched looks, and its clients.
type unlaunched struct {
	state           wire.State
	clients         int
	turned, changed chan struct{}
	abandoned       string
}

func (u *unlaunched) Status() wire.Status           { return wire.Status{State: u.state} }
func (u *unlaunched) Turned() <-chan struct{}       { return u.turned }
func (u *unlaunched) Links() (int, <-chan struct{}) { return u.clients, u.changed }
func (u *unlaunched) Abandon(reason string) bool    { u.abandoned = reason; return true }

func TestOnlyASessionThatNobodyHasBeenConnectedToForLongIsGivenUp(t *testing.T) {
	t.Parallel()
	const within = 5 * time.Minute
	for name, c := range map[string]struct {
		happens func(u *unlaunched)
		ends    time.Duration // 0 when it isn't given up
	}{
		"nothing": {func(*unlaunched) {}, within},
		"a client that leaves": {func(u *unlaunched) {
			time.Sleep(within - time.Second)
			u.meet(1, wire.StateStaging)
			time.Sleep(3 * within)
			u.meet(0, wire.StateStaging)
		}, 5*within - time.Second},
		"a client that stays":  {func(u *unlaunched) { u.meet(1, wire.StateWaiting) }, 0},
		"an agent":             {func(u *unlaunched) { u.meet(1, wire.StateRunning); u.meet(0, wire.StateRunning) }, 0},
		"an end by other hand": {func(u *unlaunched) { u.meet(0, wire.StateExited) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				u := &unlaunched{state: wire.StateWaiting, turned: make(chan struct{}), changed: make(chan struct{})}
				began := time.Now()
				var took time.Duration
				go func() {
					endUnlaunched(t.Context(), Config{LaunchWithin: within, Log: slog.New(slog.DiscardHandler)}, u, u)
					took = time.Since(began)
				}()
				synctest.Wait()
				c.happens(u)
				time.Sleep(10 * within)
				synctest.Wait()
				if (u.abandoned != "") != (c.ends != 0) || c.ends != 0 && took != c.ends {
					t.Errorf("given up %q after %v, want %v", u.abandoned, took, c.ends)
				}
			})
		})
	}
}

// meet changes how many clients there are, and the state.
func (u *unlaunched) meet(clients int, state wire.State) {
	changed, turned := u.changed, u.turned
	u.clients, u.state, u.changed, u.turned = clients, state, make(chan struct{}), make(chan struct{})
	close(changed)
	close(turned)
	synctest.Wait()
}
