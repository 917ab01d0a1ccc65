package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/events"
)

// Link gives connections to the hub. A *connect.Client is one.
type Link interface {
	// Do gives f a connection. When that is lost meanwhile (f's error has a *mux.LostError in its chain), f is called again with another one if that is
	// safe, a bounded number of times. what is being done is named in errors.
	Do(ctx context.Context, what string, safe bool, f func(context.Context, *mux.Conn) error) error
}

// Log is the log at the other end of a link.
type Log struct {
	link Link
	// Waits, if not nil, is called when a watch finds that the log can't be reached, and waits until it can.
	Waits func(why error)
}

var _ events.Log = (*Log)(nil)

// New gives the log of the hub that link leads to.
func New(link Link) *Log { return &Log{link: link} }

// Ensure makes what a log must have.
func (l *Log) Ensure(ctx context.Context) error {
	return l.call(ctx, "ensure the event log", mux.Request{Op: wire.OpEventsEnsure}, nil)
}

// Latest gives the number that a reader of what comes from now on resumes after.
func (l *Log) Latest(ctx context.Context) (uint64, error) {
	var reply wire.EventsLatestReply
	err := l.call(ctx, "find the latest event", mux.Request{Op: wire.OpEventsLatest}, &reply)
	return reply.Seq, err
}

func (l *Log) call(ctx context.Context, what string, q mux.Request, reply any) error {
	return l.link.Do(ctx, what, true, func(ctx context.Context, c *mux.Conn) error { return c.Call(ctx, q, reply) })
}

// Record stores an event. Reserved hears of each number that the event is about to be stored under; an error from it ends the record, though by then the
// event may have been stored.
func (l *Log) Record(ctx context.Context, r events.Record) (events.Recorded, error) {
	var reply wire.EventsRecorded
	seq := r.Seq
	err := l.link.Do(ctx, "record an event", true, func(ctx context.Context, c *mux.Conn) error {
		q := wire.EventsRecord{Mark: r.Mark, Seq: seq, Spool: r.Spool}
		k, err := c.Open(ctx, mux.Request{Op: wire.OpEventsRecord, Body: q, Input: r.Event})
		if err != nil {
			return err
		}
		defer k.Cancel()
		err = pushes(k, func(p wire.EventsReserved) error {
			seq = p.Seq
			if r.Reserved == nil {
				return nil
			}
			return r.Reserved(seq)
		})
		if err != nil {
			return err
		}
		return k.Result(&reply)
	})
	return events.Recorded{Seq: reply.Seq, Spooled: reply.Spooled}, err
}

// pushes calls each with what is pushed until the exchange is over.
func pushes[T any](k *mux.Call, each func(T) error) error {
	for {
		push, err := k.NextPush()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var p T
		if err := json.Unmarshal(push, &p); err != nil {
			return fmt.Errorf("decode what the hub pushed: %w", err)
		}
		if err := each(p); err != nil {
			return err
		}
	}
}

// List gives the events that meet the filter.
func (l *Log) List(ctx context.Context, f events.Filter, limit int) ([]events.Event, error) {
	text, err := l.ListJSON(ctx, f, limit)
	if err != nil {
		return nil, err
	}
	var stored []json.RawMessage
	if err := json.Unmarshal(text, &stored); err != nil {
		return nil, fmt.Errorf("decode the hub's list of events: %w", err)
	}
	list := make([]events.Event, 0, len(stored))
	for _, s := range stored {
		e, err := events.Parse(s)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// ListJSON gives the events that meet the filter as events.WriteArray writes them.
func (l *Log) ListJSON(ctx context.Context, f events.Filter, limit int) ([]byte, error) {
	q := wire.EventsList{Type: f.Type, Actor: f.Actor, Since: f.Since, After: f.AfterSeq, Limit: limit}
	var text []byte
	err := l.link.Do(ctx, "list events", true, func(ctx context.Context, c *mux.Conn) error {
		k, err := c.Open(ctx, mux.Request{Op: wire.OpEventsList, Body: q})
		if err != nil {
			return err
		}
		defer k.Cancel()
		if text, err = io.ReadAll(k); err != nil {
			return err
		}
		return k.Result(nil)
	})
	if err != nil {
		return nil, err // not the part that came
	}
	return text, nil
}

// Prune deletes old events. Where a hub goes away meanwhile, those that it deleted since it last told are not counted.
func (l *Log) Prune(ctx context.Context, p events.Prune) (int, error) {
	q := wire.EventsPrune{OlderThanMS: p.OlderThan.Milliseconds(), Keep: p.Keep}
	before, now := 0, 0 // by hubs that went away, by the one that is asked
	err := l.link.Do(ctx, "prune events", true, func(ctx context.Context, c *mux.Conn) error {
		before, now = before+now, 0
		k, err := c.Open(ctx, mux.Request{Op: wire.OpEventsPrune, Body: q})
		if err != nil {
			return err
		}
		defer k.Cancel()
		err = pushes(k, func(told wire.EventsPruned) error {
			if now = told.Deleted; p.Deleted != nil {
				p.Deleted(before + now)
			}
			return nil
		})
		if err != nil {
			return err
		}
		var told wire.EventsPruned
		if err := k.Result(&told); err != nil {
			return err
		}
		now = told.Deleted
		return nil
	})
	return before + now, err
}
