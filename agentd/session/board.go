package session

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// board holds the status and tells of its changes. A change that nobody waits for costs nothing: a flood of output makes thousands a second.
type board struct {
	screen atomic.Uint64

	mu       sync.Mutex
	status   wire.Status // without Screen and Activity
	activity func() time.Time
	changed  chan struct{} // closed at the next change; nil when nobody asked
	turned   chan struct{} // the same, for status alone
}

func (b *board) read() wire.Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	st := b.status
	st.Screen = b.screen.Load()
	if b.activity != nil {
		st.Activity = b.activity()
	}
	return st
}

// wait gives the channel that is kept in one of the board's fields.
func (b *board) wait(kept *chan struct{}) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if *kept == nil {
		*kept = make(chan struct{})
	}
	return *kept
}

func (b *board) update(change func(*wire.Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.status)
	tell(&b.turned)
	tell(&b.changed)
}

// screenChanged tells of a new screen version.
func (b *board) screenChanged() {
	b.screen.Add(1)
	b.notify()
}

func (b *board) notify() {
	b.mu.Lock()
	defer b.mu.Unlock()
	tell(&b.changed)
}

// turn tells of a change that is not in the status, but belongs to it.
func (b *board) turn() { b.update(func(*wire.Status) {}) }

// tell closes a channel that someone may wait for. The caller holds mu.
func tell(kept *chan struct{}) {
	if *kept != nil {
		close(*kept)
		*kept = nil
	}
}

// Status is how the session is now.
func (s *Session) Status() wire.Status { return s.board.read() }

// Changed is closed at the next change of Status, or of the metadata. Whoever follows the status takes the channel first and reads the status then.
func (s *Session) Changed() <-chan struct{} { return s.board.wait(&s.board.changed) }

// Turned is closed at the next change of anything in Status but Screen and Activity, which change all the time while an agent works.
func (s *Session) Turned() <-chan struct{} { return s.board.wait(&s.board.turned) }

// follow has activity read from last.
func (b *board) follow(last func() time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.activity = last
	tell(&b.changed)
}
