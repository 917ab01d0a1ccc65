package session

import (
	"context"
	"path/filepath"
	"time"

	"github.com/gascity/agentd/agentd/nudge"
)

// newQueue makes the queue of what is typed into the agent. resume: with what an earlier process left.
func (a *agent) newQueue(resume bool) *nudge.Queue {
	return nudge.New(nudge.Config{
		Pane: &pane{agent: a}, Watcher: a.tracker, Dir: filepath.Join(a.session.cfg.RunDir, "nudges"), Resume: resume, Log: a.session.log,
		Done: a.session.counts.nudged,
	})
}

// nudged counts a nudge that is done with.
func (c *counts) nudged(err error) {
	if err != nil {
		c.nudgesFailed.Add(1)
		return
	}
	c.nudges.Add(1)
}

// Nudge types text into the agent and submits it, after those that came before. A key that is not empty makes a repeat safe.
func (s *Session) Nudge(ctx context.Context, key string, text []byte) error {
	a, err := s.live()
	if err != nil {
		return err
	}
	return a.queue.Nudge(ctx, key, text)
}

// AcceptNudge is Nudge that returns once nothing but the end of the agent can keep the text from being typed.
func (s *Session) AcceptNudge(ctx context.Context, key string, text []byte) error {
	a, err := s.live()
	if err != nil {
		return err
	}
	return a.queue.Accept(ctx, key, text)
}

// Keys types keys, which have tmux's names; what is no name is typed as text. They come after the nudges that came before.
func (s *Session) Keys(ctx context.Context, keys []string) error {
	a, err := s.live()
	if err != nil {
		return err
	}
	return a.queue.Do(ctx, func(ctx context.Context) error { return a.keys(ctx, keys) })
}

// Interrupt types C-c, at once: it does not wait for nudges.
func (s *Session) Interrupt(ctx context.Context) error {
	a, err := s.live()
	if err != nil {
		return err
	}
	return a.keys(ctx, []string{"C-c"})
}

func (a *agent) keys(ctx context.Context, keys []string) error {
	a.tracker.Keys(time.Now())
	defer a.session.board.screenChanged()
	return a.tell(ctx, leaveMode(a.paneID()), append([]string{"send-keys", "-t", a.paneID(), "--"}, keys...))
}
