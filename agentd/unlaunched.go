package agentd

import (
	"context"
	"fmt"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// startedSession is what endUnlaunched must know of a session, and may do to it.
type startedSession interface {
	Status() wire.Status
	Turned() <-chan struct{}
	Abandon(reason string) bool
}

// connected tells how many clients are connected; changed is closed when that number changes.
type connected interface {
	Links() (n int, changed <-chan struct{})
}

// endUnlaunched ends a session that nobody has been connected to for c.LaunchWithin, before any agent was launched: whoever began to start it has
// gone, and the pod would run for ever. Files and launches come over connections, so none of them is under way then. It returns once an agent runs.
func endUnlaunched(ctx context.Context, c Config, s startedSession, clients connected) {
	for {
		turned := s.Turned()
		n, changed := clients.Links()
		if state := s.Status().State; state != wire.StateWaiting && state != wire.StateStaging {
			return
		}
		var late <-chan time.Time
		if n == 0 {
			late = time.After(c.LaunchWithin)
		}
		select {
		case <-turned:
		case <-changed:
		case <-late:
			reason := fmt.Sprintf("no agent was launched, and no client has been connected for %v", c.LaunchWithin)
			if s.Abandon(reason) {
				c.Log.Error("giving up", "error", reason)
			}
			return
		case <-ctx.Done():
			return
		}
	}
}
