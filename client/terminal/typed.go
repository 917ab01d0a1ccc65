package terminal

import (
	"context"
	"sync"
)

// maxTyped bounds what waits for a slow session, in bytes. Past it the keyboard isn't read: a paste waits in the terminal, nothing is lost.
const maxTyped = 1 << 20

// typed holds what was typed until the connection takes it.
type typed struct {
	mu      sync.Mutex
	way     way
	buf     []byte
	changed chan struct{} // closed at the next change
	dropped chan struct{} // holds one token when keys were dropped
}

// way is where typed keys go.
type way int

const (
	// wayDrop: nowhere. Keys meant for a screen that nobody sees must not arrive later.
	wayDrop way = iota
	// wayHold: they wait for a connection that was just lost.
	wayHold
	// wayTake: to the connection.
	wayTake
)

func newTyped() *typed {
	return &typed{changed: make(chan struct{}), dropped: make(chan struct{}, 1)}
}

func (t *typed) notify() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// drop forgets what nobody took, and what is still typed.
func (t *typed) drop() { t.set(wayDrop, true) }

// hold keeps what nobody took, and what is still typed.
func (t *typed) hold() { t.set(wayHold, false) }

// open lets the connection take what is held, and what is typed.
func (t *typed) open() { t.set(wayTake, false) }

func (t *typed) set(w way, forget bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if forget {
		t.buf = nil
	}
	t.way = w
	t.notify()
}

// wanted says whether a connection takes what is typed.
func (t *typed) wanted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.way == wayTake
}

// put adds data, waiting while there is too much, and says whether it was kept. keyed says that a person typed it.
func (t *typed) put(data []byte, keyed bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	full := func() bool { return len(t.buf) > 0 && len(t.buf)+len(data) > maxTyped }
	for t.way == wayTake && full() {
		changed := t.changed
		t.mu.Unlock()
		<-changed
		t.mu.Lock()
	}
	if t.way == wayTake || t.way == wayHold && !full() {
		t.buf = append(t.buf, data...)
		t.notify()
		return true
	}
	if keyed {
		select {
		case t.dropped <- struct{}{}:
		default:
		}
	}
	return false
}

// take waits for what was typed, and takes all of it.
func (t *typed) take(ctx context.Context) ([]byte, error) {
	t.mu.Lock()
	for t.way != wayTake || len(t.buf) == 0 {
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		t.mu.Lock()
	}
	buf := t.buf
	t.buf = nil
	t.notify()
	t.mu.Unlock()
	return buf, nil
}
