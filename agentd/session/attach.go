package session

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/terminal"
	"github.com/gascity/agentd/agentd/wire"
)

// Terminal is a terminal attached to the session: a tmux client in a pty. One goroutine may read while another writes.
type Terminal struct {
	*terminal.Terminal
	agent    *agent
	readOnly bool
	input    reports // what of the input a terminal said by itself
	leave    sync.Once
}

// Attach opens a terminal on the session. The caller reads it to its end, or closes it. A read-only one drops input, and its size has no say in the window's.
func (s *Session) Attach(ctx context.Context, ask wire.Attach) (*Terminal, error) {
	a, err := s.live()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	args := []string{"attach-session", "-t", a.target}
	if ask.ReadOnly {
		args = append(args, "-f", "read-only,ignore-size")
	}
	cmd := a.tmux.Command(args...)
	a.tracker.Resized(time.Now())
	if ask.ReadOnly {
		a.onlooker(ctx, +1)
	}
	t, err := terminal.Start(terminal.Command{Argv: cmd.Args, Env: append(cmd.Env, "TERM="+terminal.Type(ask.Term)), Size: ask.Size})
	if err != nil {
		if ask.ReadOnly {
			a.onlooker(ctx, -1)
		}
		return nil, err
	}
	a.attached(+1)
	return &Terminal{Terminal: t, agent: a, readOnly: ask.ReadOnly}, nil
}

// attached counts terminals.
func (a *agent) attached(by int) {
	a.mu.Lock()
	a.terminals += by
	a.mu.Unlock()
	a.session.board.update(func(st *wire.Status) { st.Attached = max(0, st.Attached+by) })
	a.look() // tmux knows of those that attached without us, too
}

// Write types p, and counts as activity unless the terminal said it by itself (what it is, where its focus went).
func (t *Terminal) Write(p []byte) (int, error) {
	if t.readOnly {
		return len(p), nil
	}
	at := time.Now()
	n, err := t.Terminal.Write(p) // first: someone waits for the echo
	if t.input.typed(p) {
		t.agent.tracker.Person(at)
		t.agent.session.board.notify()
	}
	return n, err
}

// Resize tells the terminal's new size.
func (t *Terminal) Resize(size wire.Size) error {
	t.agent.tracker.Resized(time.Now())
	return t.Terminal.Resize(size)
}

// Close detaches, and waits until that is done.
func (t *Terminal) Close() error {
	t.left()
	return t.Terminal.Close()
}

func (t *Terminal) left() {
	t.leave.Do(func() {
		t.agent.tracker.Resized(time.Now())
		t.agent.attached(-1)
		if t.readOnly {
			t.agent.onlooker(context.Background(), -1)
		}
	})
}

// Wait waits for the terminal's end and tells what it was: the agent's end, or else that the person left.
func (t *Terminal) Wait() (wire.AttachReply, error) {
	_ = t.Terminal.Wait() // the status of tmux's client tells less than what follows
	t.left()
	a := t.agent
	// The client of a session that was destroyed ends before the supervisor has seen why: asking tmux takes until it has.
	if _, err := a.ask(context.Background(), display(a.paneID(), "#{pane_id}")); err == nil {
		select {
		case <-a.gone:
		default:
			return wire.AttachReply{Detached: true}, nil
		}
	}
	select {
	case <-a.gone:
	case <-a.session.over:
		select {
		case <-a.gone: // both are over
		default:
			return wire.AttachReply{}, errLeaving
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	exit := a.exit
	return wire.AttachReply{Exit: &exit}, nil
}
