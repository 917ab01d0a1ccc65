package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/events"
)

const (
	// maxLosses is how often in a row a watch may lose a hub that told of nothing and didn't live for steadyTime: the watch itself may be what it dies of.
	// With the pauses that takes about 10 s, in which hubs that die for other reasons may do so.
	maxLosses  = 10
	steadyTime = 5 * time.Second
	// Pauses before the hub is asked again double from the first to the last.
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
)

// Watch calls each with the events after that number, shortened as events.Line does it, and then with what comes. It goes on when the hub goes away, and
// while the log can't be reached.
func (l *Log) Watch(ctx context.Context, after uint64, each func(events.Event) error) error {
	w := &watch{log: l, after: after, each: each}
	losses, pause := 0, firstPause
	for {
		began := time.Now()
		err := w.once(ctx)
		switch {
		case w.refused != nil:
			return w.refused
		case ctx.Err() != nil:
			return ctx.Err()
		case wire.CodeOf(err) == wire.CodeUnavailable:
			losses = 0
			if l.Waits != nil {
				l.Waits(err)
			}
		case !mux.Lost(err):
			return err
		case w.told || time.Since(began) >= steadyTime:
			losses = 1
		default:
			losses++
		}
		if w.told || time.Since(began) >= steadyTime {
			pause = firstPause
		}
		if losses == maxLosses {
			return fmt.Errorf("the hub went away %d times: %w", losses, err)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, lastPause)
	}
}

// watch is a watch over all the hubs that it needs.
type watch struct {
	log     *Log
	after   uint64
	each    func(events.Event) error
	told    bool  // the last hub told of an event
	refused error // what each gave
}

// once watches until the hub goes away or says that it can't go on.
func (w *watch) once(ctx context.Context) error {
	w.told = false
	var cause error
	err := w.log.link.Do(ctx, "watch events", false, func(ctx context.Context, c *mux.Conn) error {
		cause = w.follow(ctx, c)
		return cause
	})
	if cause != nil {
		return cause // the link's words for a lost connection are for what must not be repeated
	}
	return err
}

func (w *watch) follow(ctx context.Context, c *mux.Conn) error {
	k, err := c.Open(ctx, mux.Request{Op: wire.OpEventsWatch, Body: wire.EventsWatch{After: w.after}})
	if err != nil {
		return err
	}
	defer k.Cancel()
	lines := bufio.NewReaderSize(k, events.MaxLine+1)
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			// What stands before the end is cut off: the hub writes whole lines.
			if err := k.Result(nil); err != nil {
				return err
			}
			return wire.Errorf(wire.CodeInternal, "the hub ended the watch of events")
		}
		if err != nil {
			return err
		}
		if err := w.take(line); err != nil {
			return err
		}
	}
}

// take hands an event over. The number that the watch resumes after never falls: an event that came late doesn't bring back those behind it.
func (w *watch) take(line []byte) error {
	e, err := events.Parse(bytes.Clone(line))
	if err != nil {
		return fmt.Errorf("the hub told of no event: %w", err)
	}
	if w.refused = w.each(e); w.refused != nil {
		return w.refused
	}
	w.after, w.told = max(w.after, e.Seq), true
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
