package nudge

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gascity/agentd/agentd/wire"
)

// Queue types nudges into one pane, one at a time, in the order they came. Methods may be called from any goroutine.
type Queue struct {
	pane  Pane
	watch Watcher

	mu      sync.Mutex
	waiting []*job          // not begun, oldest first
	known   map[string]*job // by key: waiting, being typed, or done
	done    []string        // keys of what is done, oldest first, at most Remembered
	ended   error           // why Run has returned
	wake    chan struct{}   // holds one token when waiting may have become non-empty
	buffers uint64          // numbers the paste buffers; Run's alone
}

// job is one message, with all the callers that wait for it.
type job struct {
	key     string
	text    []byte
	callers int
	begun   bool
	done    chan struct{} // closed once err is set
	err     error
}

// NewQueue makes a queue that types into p and tells w. Nothing is typed until Run.
func NewQueue(p Pane, w Watcher) *Queue {
	return &Queue{pane: p, watch: w, known: make(map[string]*job), wake: make(chan struct{}, 1)}
}

// Nudge has text typed and submitted, and returns when that is done. A cancelled ctx takes the message out of the queue, if its turn has not come;
// once typing has begun it goes on to its end, whoever waits.
//
// A key that is not empty makes a repeat safe: while a nudge of that key is queued, being typed, or among the last Remembered ones done, the
// text is not typed again and the repeat gets the same result. A nudge that was cancelled or failed before anything was typed is not remembered.
//
// When Run has returned, the error is the cause of its context's end.
func (q *Queue) Nudge(ctx context.Context, key string, text []byte) error {
	if len(text) > wire.MaxNudge {
		return wire.Errorf(wire.CodeTooLarge, "nudge of %d bytes is over the limit of %d", len(text), wire.MaxNudge)
	}
	text = message(text)
	if len(text) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("nudge: %w", err)
	}
	j, err := q.join(key, text)
	if err != nil {
		return err
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
	}
	if q.leave(j) {
		return fmt.Errorf("nudge still queued: %w", ctx.Err())
	}
	// The caller has gone, but its message is being typed. What comes of it is worth waiting for: it is bounded.
	<-j.done
	return j.err
}

// join finds the job of key, or queues a new one.
func (q *Queue) join(key string, text []byte) (*job, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j := q.known[key]; j != nil && key != "" {
		j.callers++
		return j, nil
	}
	if q.ended != nil {
		return nil, q.ended
	}
	j := &job{key: key, text: text, callers: 1, done: make(chan struct{})}
	if key != "" {
		q.known[key] = j
	}
	q.waiting = append(q.waiting, j)
	q.signal()
	return j, nil
}

// leave takes a caller from j, and j from the queue when it was the last and typing has not begun. It reports whether the caller is rid of j.
func (q *Queue) leave(j *job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j.begun {
		return false
	}
	j.callers--
	if j.callers > 0 {
		return true
	}
	for i, w := range q.waiting {
		if w == j {
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			break
		}
	}
	if j.key != "" {
		delete(q.known, j.key)
	}
	return true
}

// Run types what is queued until ctx ends, whose cause everyone who still waits then gets: give ctx a cause that tells them why
// (wire.CodeNoSession once the session has ended). A nudge under way is broken off.
func (q *Queue) Run(ctx context.Context) {
	defer q.end(ctx)
	for ctx.Err() == nil {
		j := q.next()
		if j == nil {
			select {
			case <-q.wake:
			case <-ctx.Done():
			}
			continue
		}
		q.buffers++
		begun, err := q.deliver(ctx, fmt.Sprintf("agentd-nudge-%d", q.buffers), j.text)
		if err != nil && ctx.Err() != nil {
			err = cause(ctx)
		}
		q.finish(j, begun, err)
	}
}

// Waiting tells how many messages are queued whose typing has not begun.
func (q *Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
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
	j.begun = true
	return j
}

// finish gives j its result and remembers its key, unless nothing was typed: then a repeat may try anew.
func (q *Queue) finish(j *job, typed bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j.err = err
	j.text = nil
	defer close(j.done)
	switch {
	case j.key == "":
	case err != nil && !typed:
		delete(q.known, j.key)
	default:
		q.done = append(q.done, j.key)
		for len(q.done) > Remembered {
			delete(q.known, q.done[0])
			q.done = append(q.done[:0], q.done[1:]...)
		}
	}
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
	q.waiting = nil
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// cause is why ctx ended, as a nudge's caller is to see it. Without a cause of its own it is unavailable: nobody may take the message for
// delivered, nor the session for gone.
func cause(ctx context.Context) error {
	err := context.Cause(ctx)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return wire.Errorf(wire.CodeUnavailable, "nudge not typed: agentd is leaving")
	}
	return err
}
