package hub

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/events"
)

// EventKeeper is a Backend that keeps an event log as well.
type EventKeeper interface {
	// Events opens the log. It is called when the log is first needed, and again only after an error. The log ends with the backend, after the hub.
	Events() (events.Log, error)
	// Spooled says whether events wait on this machine for the log to be reached. It is cheap.
	Spooled() bool
}

const (
	// maxStamped is how long a stamped event may be: stamping may add a time to one that is as long as events may be.
	maxStamped = events.MaxEvent + 1<<10
	// maxMark bounds an event's mark, in bytes.
	maxMark = 256
)

// eventLog is the backend's log, once it was needed: a hub that serves sessions alone must not hold events.
type eventLog struct {
	mu  sync.Mutex
	log events.Log
}

// events gives the log.
func (h *Hub) events() (events.Log, error) {
	keeper, ok := h.backend.(EventKeeper)
	if !ok {
		return nil, wire.Errorf(wire.CodeUnsupported, "this hub's sessions are %s ones, and their events are not kept by a hub: gc-events-%s keeps them itself", h.backend.Name(), h.backend.Name())
	}
	h.eventLog.mu.Lock()
	defer h.eventLog.mu.Unlock()
	if h.eventLog.log == nil {
		log, err := keeper.Events()
		if err != nil {
			return nil, fmt.Errorf("open the event log: %w", err)
		}
		h.eventLog.log = log
	}
	return h.eventLog.log, nil
}

// spooled says whether events wait to be delivered.
func (h *Hub) spooled() bool {
	keeper, ok := h.backend.(EventKeeper)
	return ok && keeper.Spooled()
}

// deliverSpooled has events delivered that a hub before this one kept: the log does so once it is open.
func (h *Hub) deliverSpooled() {
	if !h.spooled() {
		return
	}
	if _, err := h.events(); err != nil {
		h.log.Error("events that are kept on this machine are not delivered", "error", err)
	}
}

// answerEvents does what is asked of the event log.
func (h *Hub) answerEvents(ctx context.Context, x *mux.Exchange) (any, error) {
	log, err := h.events()
	if err != nil {
		return nil, err
	}
	switch x.Op {
	case wire.OpEventsEnsure:
		return nil, log.Ensure(ctx)
	case wire.OpEventsRecord:
		return recordEvent(ctx, x, log)
	case wire.OpEventsList:
		return nil, listEvents(ctx, x, log)
	case wire.OpEventsLatest:
		seq, err := log.Latest(ctx)
		return wire.EventsLatestReply{Seq: seq}, err
	case wire.OpEventsWatch:
		return nil, watchEvents(ctx, x, log)
	default:
		return pruneEvents(ctx, x, log)
	}
}

func recordEvent(ctx context.Context, x *mux.Exchange, log events.Log) (any, error) {
	var q wire.EventsRecord
	if err := x.Decode(&q); err != nil {
		return nil, err
	}
	if q.Mark == "" || len(q.Mark) > maxMark {
		return nil, wire.Errorf(wire.CodeBadRequest, "an event's mark has 1 to %d bytes, not %d", maxMark, len(q.Mark))
	}
	event, err := io.ReadAll(io.LimitReader(x, maxStamped+1))
	if err != nil {
		return nil, err
	}
	if len(event) > maxStamped {
		return nil, wire.Errorf(wire.CodeTooLarge, "the event is over %d bytes", events.MaxEvent)
	}
	e, err := events.Parse(event)
	if err != nil {
		return nil, wire.Errorf(wire.CodeBadRequest, "%v", err)
	}
	recorded, err := log.Record(ctx, events.Record{
		Event: e.JSON, Mark: q.Mark, Seq: q.Seq, Spool: q.Spool,
		Reserved: func(seq uint64) error { return x.Push(wire.EventsReserved{Seq: seq}) },
	})
	return wire.EventsRecorded{Seq: recorded.Seq, Spooled: recorded.Spooled}, err
}

func listEvents(ctx context.Context, x *mux.Exchange, log events.Log) error {
	var q wire.EventsList
	if err := x.Decode(&q); err != nil {
		return err
	}
	list, err := log.List(ctx, events.Filter{Type: q.Type, Actor: q.Actor, Since: q.Since, AfterSeq: q.After}, q.Limit)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(x, wire.MaxChunk)
	if err := events.WriteArray(out, list); err != nil {
		return err
	}
	return out.Flush()
}

// watchEvents sends each event as it comes. Whoever doesn't take them holds back this watch of the log and nothing else.
func watchEvents(ctx context.Context, x *mux.Exchange, log events.Log) error {
	var q wire.EventsWatch
	if err := x.Decode(&q); err != nil {
		return err
	}
	return log.Watch(ctx, q.After, func(e events.Event) error {
		_, err := x.Write(append(events.Line(e), '\n'))
		return err
	})
}

func pruneEvents(ctx context.Context, x *mux.Exchange, log events.Log) (any, error) {
	var q wire.EventsPrune
	if err := x.Decode(&q); err != nil {
		return nil, err
	}
	if q.OlderThanMS < 0 || q.Keep < 0 {
		return nil, wire.Errorf(wire.CodeBadRequest, "%s: an age and a number to keep are not negative", x.Op)
	}
	n, err := log.Prune(ctx, events.Prune{
		OlderThan: time.Duration(q.OlderThanMS) * time.Millisecond, Keep: q.Keep,
		// A caller that has gone ends the ctx.
		Deleted: func(n int) { _ = x.Push(wire.EventsPruned{Deleted: n}) },
	})
	return wire.EventsPruned{Deleted: n}, err
}
