package session

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// Counters are what a session has counted since this process began.
type Counters struct {
	// Prints counts the times the agent printed something.
	Prints uint64
	// Reconnects counts the times the tmux control connection was lost and made again.
	Reconnects uint64
	// Nudges counts those submitted, NudgesFailed those that could not be, or that the agent's end came before.
	Nudges, NudgesFailed uint64
	// NudgesWaiting is how many are queued just now.
	NudgesWaiting int
	// Adopted is true when this process found its agent running.
	Adopted bool
}

// counts is Counters as they are counted.
type counts struct {
	prints, reconnects, nudges, nudgesFailed atomic.Uint64
	adopted                                  atomic.Bool
}

// Counters gives what was counted so far.
func (s *Session) Counters() Counters {
	c := Counters{
		Prints: s.counts.prints.Load(), Reconnects: s.counts.reconnects.Load(),
		Nudges: s.counts.nudges.Load(), NudgesFailed: s.counts.nudgesFailed.Load(), Adopted: s.counts.adopted.Load(),
	}
	if a, err := s.live(); err == nil {
		c.NudgesWaiting = a.queue.Waiting()
	}
	return c
}

// Settled is closed once it is known whether there was an agent to adopt, or Run has returned.
func (s *Session) Settled() <-chan struct{} { return s.adopted }

// Alive returns nil once the loop that looks after the session has answered, and an error when it doesn't before ctx ends.
func (s *Session) Alive(ctx context.Context) error {
	select {
	case s.pulse <- struct{}{}:
		return nil
	case <-s.over:
		return errors.New("the session has ended")
	case <-ctx.Done():
		return fmt.Errorf("the session's event loop doesn't turn: %w", ctx.Err())
	}
}
