package front

import (
	"context"
	"fmt"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// Waits between attempts double from the first to the last. A hub that was replaced answers within a few milliseconds; an agentd that
// restarts, within a second.
const (
	firstWait = 10 * time.Millisecond
	lastWait  = 500 * time.Millisecond
)

// maxLosses is how often one operation may lose its hub. A request that brings the hub down would otherwise do so until the time is over.
const maxLosses = 5

// link is the way to the hub. It connects when first used, and again when the hub went away.
type link struct {
	connect func(context.Context) (*mux.Conn, error)
	conn    *mux.Conn
}

// repeats says when an attempt may be made again.
type repeats int

const (
	// repeatable may be done any number of times: it only looks, or its outcome is the same, or its key makes it so.
	repeatable repeats = iota
	// onceOnly must not be sent again once it was: it may have been done before the hub, or the hub's link to the session, went.
	onceOnly
	// noWaiting is repeatable when the hub goes away, but leaves waiting for better times to the caller.
	noWaiting
)

// staleError says that it isn't known whether an operation took effect.
type staleError struct{ cause error }

func (e *staleError) Error() string {
	return fmt.Sprintf("the hub went away, so it is not known whether this was done (%s)", e.cause)
}

func (e *staleError) Unwrap() error { return e.cause }

// do makes attempts with a connection to the hub until one succeeds, fails for good, or ctx ends. A false "not running" is dear to gc, so a
// transport's fault is waited out.
func (l *link) do(ctx context.Context, again repeats, attempt func(context.Context, *mux.Conn) error) error {
	losses, wait := 0, firstWait
	var reason error // why the session was out of reach, which tells more than that the time is up
	for {
		if l.conn == nil {
			conn, err := l.connect(ctx)
			if err != nil {
				return err // connecting has its own attempts
			}
			l.conn = conn
		}
		err := attempt(ctx, l.conn)
		switch {
		case err == nil:
			return nil
		case mux.Lost(err):
			l.close()
			if again == onceOnly {
				return &staleError{err}
			}
			if losses++; losses == maxLosses {
				return err
			}
		case wire.CodeOf(err) == wire.CodeUnavailable && again == repeatable:
			reason = err
		case reason != nil && wire.CodeOf(err) == wire.CodeTimeout:
			return reason
		default:
			return err
		}
		if !pause(ctx, wait) {
			return err // tells more than the end of ctx does
		}
		wait = min(2*wait, lastWait)
	}
}

// call is do for a request that streams nothing but its input.
func (l *link) call(ctx context.Context, again repeats, q mux.Request, reply any) error {
	return l.do(ctx, again, func(ctx context.Context, c *mux.Conn) error { return c.Call(ctx, q, reply) })
}

func (l *link) close() {
	if l.conn != nil {
		l.conn.Drop()
		l.conn = nil
	}
}

// pause waits, and tells whether ctx allows to go on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
