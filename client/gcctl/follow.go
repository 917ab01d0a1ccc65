package gcctl

import (
	"context"
	"errors"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

const (
	// followPatience is how long what serves a session that is followed may be away: it outlasts agentd's restart with its backoff.
	followPatience = 30 * time.Second
	// followPause is the pause between tries.
	followPause = 100 * time.Millisecond
)

// follow calls look until it returns nil: at the session's end. When what serves the session goes away under it, look is called again, unless the
// session has ended meanwhile.
func (a *app) follow(ctx context.Context, session string, look func() error) error {
	var lost time.Time
	for {
		began := time.Now()
		err := look()
		if err == nil || ctx.Err() != nil || !passing(err) {
			return err
		}
		if lost.IsZero() || time.Since(began) > followPatience {
			lost = time.Now()
		}
		if ended, stateErr := a.ended(ctx, session); stateErr == nil && ended {
			return nil
		}
		if time.Since(lost) > followPatience {
			return err
		}
		select {
		case <-time.After(followPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// passing says whether an error is one of the hub's that may be gone a moment later.
func passing(err error) bool {
	var told *wire.Error
	if !errors.As(err, &told) {
		return false
	}
	switch told.Code {
	case wire.CodeUnavailable, wire.CodeCanceled, wire.CodeTimeout, wire.CodeInternal:
		return true
	}
	return false
}

// ended says whether a session that was there has ended.
func (a *app) ended(ctx context.Context, session string) (bool, error) {
	var state wire.StateReply
	err := a.hub().Call(ctx, mux.Request{Op: wire.OpState, Session: session}, &state, true)
	if wire.CodeOf(err) == wire.CodeNoSession {
		return true, nil
	}
	return err == nil && state.State == wire.StateExited, err
}
