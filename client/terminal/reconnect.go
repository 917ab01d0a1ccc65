package terminal

import (
	"context"
	"fmt"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// The pauses between tries to get a connection back.
const (
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
)

// connect gives the next connection, trying for as long as the patience lasts when the last was lost, for the given reason. Without one, it
// says how the attach ends.
func (a *attachment) connect(ctx context.Context, cause error) (*mux.Conn, End, error) {
	limit := a.lost
	if limit.IsZero() {
		limit = time.Now()
	}
	limit = limit.Add(a.options.Patience)
	for {
		if !a.lost.IsZero() {
			if end, over := a.pause(ctx, limit); over {
				return nil, end, nil
			}
		}
		if cause != nil && !time.Now().Before(limit) {
			return nil, End{}, &LostError{Session: a.options.Session, Cause: cause}
		}
		conn, end, err := a.dial(ctx, limit)
		if err == nil {
			return conn, end, nil
		}
		cause = err
		if a.lost.IsZero() {
			a.lost = time.Now()
			a.screen.notice(a.tty.size(), "connection lost, reconnecting … (~. leaves)")
		}
	}
}

// LostError says that the connection was lost and didn't come back within the patience.
type LostError struct {
	Session string
	Cause   error
}

// Error names the session and the last try's failure.
func (e *LostError) Error() string {
	return fmt.Sprintf("lost the connection to session %q: %v", e.Session, e.Cause)
}

// Unwrap gives the last try's failure.
func (e *LostError) Unwrap() error { return e.Cause }

// pause waits before the next try, longer each time.
func (a *attachment) pause(ctx context.Context, limit time.Time) (end End, over bool) {
	pause := min(firstPause<<min(a.tries, 10), maxPause, max(0, time.Until(limit)))
	a.tries++
	return a.whileWaiting(ctx, nil, time.After(pause))
}

// dial connects once. A nil connection without an error means that the attach ends.
func (a *attachment) dial(ctx context.Context, limit time.Time) (*mux.Conn, End, error) {
	dialing, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	var conn *mux.Conn
	var err error
	end, over := a.during(ctx, cancel, func() { conn, err = a.options.Connect(dialing) })
	if over && conn != nil {
		_ = conn.Close(wire.CloseNormal, "") // it was made in vain
		conn = nil
	}
	if over {
		return nil, end, nil
	}
	return conn, End{}, err
}

// during waits for f. over is true when the attach ends instead: f was cancelled then.
func (a *attachment) during(ctx context.Context, cancel, f func()) (end End, over bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	end, over = a.whileWaiting(ctx, done, nil)
	if over {
		cancel()
	}
	<-done
	return end, over
}

// whileWaiting waits for done or the timer. over is true when the attach ends instead.
func (a *attachment) whileWaiting(ctx context.Context, done <-chan struct{}, timer <-chan time.Time) (end End, over bool) {
	for {
		switch e, end := a.wait(ctx, done, timer); e {
		case eventDone, eventTimer:
			return End{}, false
		case eventLeave:
			return end, true
		case eventSuspend, eventContinue:
			// The screen is drawn anew anyway when the connection is back.
			if e == eventContinue {
				_ = a.tty.raw() // a failure shows at the next suspension at the latest
			}
		}
	}
}
