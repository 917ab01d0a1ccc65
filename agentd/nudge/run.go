package nudge

import (
	"context"
	"errors"

	"github.com/gascity/agentd/agentd/wire"
)

// Run types what is queued until ctx ends, whose cause everyone who still waits then gets. A cause of wire.CodeNoSession means that there is nothing left to type
// into, and drops what is queued; after any other it is for the process that comes next. A nudge under way is broken off.
func (q *Queue) Run(ctx context.Context) {
	defer q.end(ctx)
	for ctx.Err() == nil {
		j := q.next()
		switch {
		case j == nil:
			select {
			case <-q.wake:
			case <-ctx.Done():
			}
		case j.act != nil:
			j.err = acted(ctx, j.act(ctx))
			close(j.done)
		default:
			begun, err := q.send(ctx, j)
			if err != nil && ctx.Err() != nil {
				q.putBack(j)
				return
			}
			q.finish(j, begun, err)
		}
	}
}

// acted is what became of an act: one that the end of ctx broke off may have taken effect.
func acted(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	if end := cause(ctx); wire.CodeOf(end) == wire.CodeNoSession {
		return end
	}
	return wire.Errorf(wire.CodeFailed, "agentd left meanwhile: it may or may not have been done")
}

// next takes the oldest job out of the queue; nil if there is none.
func (q *Queue) next() *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return nil
	}
	j := q.waiting[0]
	q.waiting = append(q.waiting[:0:0], q.waiting[1:]...)
	q.bytes -= j.size
	j.begun = true
	return j
}

// putBack returns to the queue what was broken off.
func (q *Queue) putBack(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append([]*job{j}, q.waiting...)
	q.bytes += j.size
}

// send delivers a message. It reports whether any of it has reached the program.
func (q *Queue) send(ctx context.Context, j *job) (begun bool, err error) {
	text, err := q.store.text(j.id)
	if err != nil {
		return false, err
	}
	return q.deliver(ctx, j.id, text)
}

// finish gives j its result and remembers its key, unless nothing was typed: then a repeat may try anew.
func (q *Queue) finish(j *job, typed bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j.err = err
	defer close(j.done)
	o := outcome{Key: j.key, Error: wire.AsError(err)}
	switch {
	case j.key == "":
	case err != nil && !typed:
		delete(q.known, j.key)
		o.Key = ""
	default:
		q.done = append(q.done, o)
		for len(q.done) > Remembered {
			delete(q.known, q.done[0].Key)
			q.done = append(q.done[:0], q.done[1:]...)
		}
	}
	q.complain("what became of a nudge was not noted", q.store.finish(j.id, o, q.done))
	if err != nil {
		q.log.Error("nudge failed", "bytes", j.size, "typed", typed, "error", err)
	}
	q.told(err)
}

// end fails everything that waits, and all that comes.
func (q *Queue) end(ctx context.Context) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = cause(ctx)
	for _, j := range q.waiting {
		j.err = q.ended
		delete(q.known, j.key)
		close(j.done)
	}
	q.waiting, q.bytes = nil, 0
	if wire.CodeOf(q.ended) == wire.CodeNoSession {
		q.clear(q.ended)
	}
}

// cause is why ctx ended, as a nudge's caller is to see it. Without a cause that is meant for callers it is unavailable: nobody may take the message for
// delivered, nor the session for gone.
func cause(ctx context.Context) error {
	err := context.Cause(ctx)
	if e := (*wire.Error)(nil); errors.As(err, &e) {
		return err
	}
	return wire.Errorf(wire.CodeUnavailable, "not typed yet: agentd is leaving")
}
