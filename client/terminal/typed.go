package terminal

import (
	"context"
	"sync"
)

// maxTyped bounds what waits for a slow session, in bytes. Past it the keyboard isn't read: a paste waits in the terminal, nothing is lost.
const maxTyped = 1 << 20

// typed holds what was typed until the connection takes it. While there is no connection it takes nothing: keys meant for a
// screen that nobody sees must not arrive later.
type typed struct {
	mu      sync.Mutex
	open    bool
	closed  bool
	buf     []byte
	changed chan struct{} // closed at the next change
	dropped chan struct{} // holds one token when keys were dropped
}

func newTyped() *typed {
	return &typed{changed: make(chan struct{}), dropped: make(chan struct{}, 1)}
}

func (t *typed) notify() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// setOpen begins or ends the taking. What nobody took is forgotten.
func (t *typed) setOpen(open bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open, t.buf = open, nil
	t.notify()
}

// close ends the taking for good.
func (t *typed) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open, t.closed, t.buf = false, true, nil
	t.notify()
}

// put adds data, waiting while there is too much.
func (t *typed) put(data []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.open && len(t.buf) > 0 && len(t.buf)+len(data) > maxTyped {
		changed := t.changed
		t.mu.Unlock()
		<-changed
		t.mu.Lock()
	}
	if !t.open {
		select {
		case t.dropped <- struct{}{}:
		default:
		}
		return
	}
	t.buf = append(t.buf, data...)
	t.notify()
}

// take waits for what was typed, and takes all of it.
func (t *typed) take(ctx context.Context) ([]byte, error) {
	t.mu.Lock()
	for len(t.buf) == 0 {
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
