package nudge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// Config says what a Queue types into, and what it keeps where.
type Config struct {
	Pane    Pane
	Watcher Watcher
	// Dir is the folder that keeps the messages; it is made, with mode 0700, when it is needed.
	Dir string
	// Resume goes on with what an earlier process kept there for the same pane. Otherwise it is forgotten.
	Resume bool
	// Done hears what became of each message, nil when it was submitted; it must not block. A nil Done is not told.
	Done func(err error)
	// Log is for what nobody else is told; nil means nowhere.
	Log *slog.Logger
}

// Queue types nudges into one pane, one at a time, in the order they came. Methods may be called from any goroutine.
type Queue struct {
	pane  Pane
	watch Watcher
	told  func(error)
	log   *slog.Logger

	mu      sync.Mutex
	store   store
	last    uint64          // the number of the newest message
	waiting []*job          // not begun, oldest first
	bytes   int             // of the waiting messages' text
	known   map[string]*job // messages by key: waiting, being typed, or done
	done    []outcome       // of the keys that are done, oldest first, at most Remembered
	ended   error           // why Run has returned
	wake    chan struct{}   // holds one token when waiting may have become non-empty
}

// job is one message, with all the callers that wait for it, or something else that has its turn among them.
type job struct {
	message
	act     func(context.Context) error // in place of a message
	callers int
	kept    bool // it is typed whether or not anybody waits for it
	begun   bool
	done    chan struct{} // closed once err is set
	err     error
}

// New makes a queue. Nothing is typed until Run.
func New(c Config) *Queue {
	q := &Queue{pane: c.Pane, watch: c.Watcher, told: c.Done, log: c.Log, store: store{dir: c.Dir}, known: make(map[string]*job), wake: make(chan struct{}, 1)}
	if q.log == nil {
		q.log = slog.New(slog.DiscardHandler)
	}
	if q.told == nil {
		q.told = func(error) {}
	}
	if c.Resume {
		q.load()
	} else {
		q.clear(errors.New("their agent has ended"))
	}
	return q
}

// Accept has text typed and submitted after all that came before, and returns once nothing but the end of the session can keep it from that: also the end of
// this process doesn't.
//
// A key that is not empty makes a repeat safe: while a message of that key is queued, being typed, or among the last Remembered ones done, the text is not
// typed again. A message that was withdrawn, or failed before anything was typed, is not remembered.
func (q *Queue) Accept(ctx context.Context, key string, text []byte) error {
	_, err := q.add(ctx, key, text, true)
	return err
}

// Nudge is Accept that waits until the text has been submitted, or could not be. A cancelled ctx takes the message out of the queue, if its turn has not come
// and nobody else gave it; once typing has begun it goes on to its end, whoever waits. A repeat gets the result of the first.
//
// When Run has returned, the error is the cause of its context's end.
func (q *Queue) Nudge(ctx context.Context, key string, text []byte) error {
	j, err := q.add(ctx, key, text, false)
	if j == nil {
		return err
	}
	return q.await(ctx, j, "nudge")
}

// Do has act done in its turn: after the messages that came before, and before those that come after. It is not kept. A cancelled ctx takes it out of the queue,
// or cancels that of act.
func (q *Queue) Do(ctx context.Context, act func(context.Context) error) error {
	j := &job{callers: 1, done: make(chan struct{}), act: func(run context.Context) error {
		run, cancel := context.WithCancelCause(run)
		defer cancel(nil)
		defer context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })()
		return act(run)
	}}
	q.mu.Lock()
	if err := q.refuses(0); err != nil {
		q.mu.Unlock()
		return err
	}
	q.enqueue(j)
	q.mu.Unlock()
	return q.await(ctx, j, "keys")
}

// add finds the job of key, or queues a new one. A message of nothing has none.
func (q *Queue) add(ctx context.Context, key string, text []byte, keep bool) (*job, error) {
	if len(text) > wire.MaxNudge {
		return nil, wire.Errorf(wire.CodeTooLarge, "nudge of %d bytes is over the limit of %d", len(text), wire.MaxNudge)
	}
	text = literal(text)
	if len(text) == 0 {
		return nil, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("nudge: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if j := q.known[key]; j != nil {
		j.callers++
		j.kept = j.kept || keep
		return j, nil
	}
	if err := q.refuses(len(text)); err != nil {
		return nil, err
	}
	// The time makes a number that no message of this pane had before, whatever is left of them.
	id := max(uint64(time.Now().UnixNano()), q.last+1)
	if err := q.store.put(id, key, text); err != nil {
		return nil, wire.Errorf(wire.CodeUnavailable, "the nudge can't be kept: %v", err)
	}
	q.last = id
	j := &job{message: message{id, key, len(text)}, callers: 1, kept: keep, done: make(chan struct{})}
	q.enqueue(j)
	return j, nil
}

// refuses says why nothing more can be queued; nil if it can. The caller holds mu.
func (q *Queue) refuses(size int) error {
	switch {
	case q.ended != nil:
		return q.ended
	case len(q.waiting) >= MaxWaiting:
		return wire.Errorf(wire.CodeUnavailable, "%d nudges wait to be typed, try again later", len(q.waiting))
	case q.bytes+size > MaxWaitingBytes:
		return wire.Errorf(wire.CodeUnavailable, "over %d bytes of nudges wait to be typed, try again later", MaxWaitingBytes)
	}
	return nil
}

// enqueue puts j at the queue's end. The caller holds mu.
func (q *Queue) enqueue(j *job) {
	if j.key != "" {
		q.known[j.key] = j
	}
	q.waiting = append(q.waiting, j)
	q.bytes += j.size
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// await waits for a job's end.
func (q *Queue) await(ctx context.Context, j *job, what string) error {
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
	}
	if q.leave(j) {
		return fmt.Errorf("%s still queued: %w", what, ctx.Err())
	}
	// The caller has gone, but its message is being typed. What comes of it is worth waiting for: it is bounded.
	<-j.done
	return j.err
}

// leave takes a caller from j, and j from the queue when it was the last and typing has not begun. It reports whether the caller is rid of j.
func (q *Queue) leave(j *job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j.begun {
		return false
	}
	j.callers--
	if j.callers > 0 || j.kept {
		return true
	}
	if i := slices.Index(q.waiting, j); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		q.bytes -= j.size
	}
	if j.key != "" {
		delete(q.known, j.key)
	}
	if j.act == nil {
		q.complain("a withdrawn nudge is still kept", q.store.remove(j.id))
	}
	return true
}

// Waiting tells how many messages are queued whose typing has not begun.
func (q *Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for _, j := range q.waiting {
		if j.act == nil {
			n++
		}
	}
	return n
}

// load takes over what an earlier process kept.
func (q *Queue) load() {
	k, err := q.store.load()
	q.complain("not all nudges that were kept can be gone on with", err)
	q.done = k.done
	for _, o := range k.done {
		j := &job{message: message{key: o.Key}, begun: true, done: make(chan struct{})}
		if o.Error != nil {
			j.err = o.Error
		}
		close(j.done)
		q.known[o.Key] = j
	}
	for _, m := range k.messages {
		q.last = m.id
		q.enqueue(&job{message: m, kept: true, done: make(chan struct{})})
	}
	if n := len(k.messages); n > 0 {
		q.log.Info("going on with the nudges that an earlier process left", "nudges", n)
	}
}

// clear forgets all that is kept, for the reason that there is nothing to type it into.
func (q *Queue) clear(reason error) {
	n, err := q.store.clear()
	q.complain("nudges are still kept", err)
	if n > 0 {
		q.log.Warn("nudges were not typed", "nudges", n, "reason", reason)
	}
	for range n {
		q.told(reason)
	}
}

func (q *Queue) complain(about string, err error) {
	if err != nil {
		q.log.Error(about, "error", err)
	}
}
