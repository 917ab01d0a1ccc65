package session

import (
	"context"
	"syscall"
	"time"

	"github.com/gascity/agentd/agentd/process"
	"github.com/gascity/agentd/agentd/tmux"
	"github.com/gascity/agentd/agentd/wire"
)

// The steps of a stop, as parts of its grace period. An interrupt makes a busy agent stop what it does, and SIGTERM lets it put things away;
// the rest is force.
const (
	interruptPart = 0.2
	interruptMost = 700 * time.Millisecond
	termPart      = 0.8
	hangupPart    = 0.9
)

// serverLimit bounds the wait for a tmux server that was told to end.
const serverLimit = time.Second

// Stop ends the session: it interrupts the agent, then has it terminate, and by the end of grace kills what is left. It returns when the session is gone. A grace of
// 0 means the configured one. A second Stop can only shorten the first.
func (s *Session) Stop(ctx context.Context, grace time.Duration) error {
	if grace <= 0 {
		grace = s.cfg.Grace
	}
	s.hurry(time.Now().Add(grace))
	select {
	case <-s.over:
		if s.Status().State != wire.StateExited {
			return errLeaving
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hurry asks for the session's end by the deadline.
func (s *Session) hurry(deadline time.Time) {
	s.mu.Lock()
	if s.deadline.IsZero() || deadline.Before(s.deadline) {
		s.deadline = deadline
	}
	s.mu.Unlock()
	s.board.update(func(st *wire.Status) { st.Stopping = st.State != wire.StateExited })
	select {
	case s.stopping <- struct{}{}:
	default:
	}
}

// errStopping is the answer to what would be typed into an agent that is to end.
var errStopping = wire.Errorf(wire.CodeNoSession, "the session is being stopped")

// stopWhenAsked carries out a stop, if one is asked for. From then on nothing is typed but what ends the agent.
func (a *agent) stopWhenAsked(ctx context.Context, stopTyping func()) {
	select {
	case <-a.session.stopping:
	case <-ctx.Done():
		return
	}
	stopTyping()
	began := time.Now()
	if !a.wait(ctx, began, 0) {
		return
	}
	if a.left() > 50*time.Millisecond {
		typing, cancel := context.WithTimeout(ctx, time.Second) // tmux may be stuck
		_ = a.keys(typing, []string{"C-c"})
		cancel()
		if !a.waitFor(ctx, began, func(grace time.Duration) time.Duration {
			return min(time.Duration(float64(grace)*interruptPart), interruptMost)
		}) {
			return
		}
		a.signal(syscall.SIGTERM)
		a.hangUpShells()
		if !a.wait(ctx, began, termPart) {
			return
		}
		a.signal(syscall.SIGHUP)
		if !a.wait(ctx, began, hangupPart) {
			return
		}
	}
	a.signal(syscall.SIGKILL)
	if sleep(ctx, serverLimit) != nil {
		return // the supervisor has seen the end
	}
	a.killServer()
}

// left is how much of the stop's grace is left.
func (a *agent) left() time.Duration {
	a.session.mu.Lock()
	defer a.session.mu.Unlock()
	return time.Until(a.session.deadline)
}

// wait waits until a part of the grace period is over, which may be shortened meanwhile. It is false when the agent ends first.
func (a *agent) wait(ctx context.Context, began time.Time, part float64) bool {
	return a.waitFor(ctx, began, func(grace time.Duration) time.Duration { return time.Duration(float64(grace) * part) })
}

func (a *agent) waitFor(ctx context.Context, began time.Time, part func(grace time.Duration) time.Duration) bool {
	for {
		a.session.mu.Lock()
		grace := a.session.deadline.Sub(began)
		a.session.mu.Unlock()
		timer := time.NewTimer(time.Until(began.Add(part(grace))))
		select {
		case <-timer.C:
			return ctx.Err() == nil
		case <-a.session.stopping:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}

// signal sends a signal to the agent's processes.
func (a *agent) signal(sig syscall.Signal) {
	pids, err := process.Tree(a.rootPID())
	if err != nil {
		a.session.log.Error("can't see the agent's processes", "error", err)
		pids = []int{a.rootPID()}
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, sig) // it may have ended
	}
}

// hangUpShells sends SIGHUP to those that ignore SIGTERM, as interactive shells do: nothing else but force ends them.
func (a *agent) hangUpShells() {
	pids, _ := process.Tree(a.rootPID())
	for _, pid := range pids {
		if ignoresTerm(pid) {
			_ = syscall.Kill(pid, syscall.SIGHUP)
		}
	}
}

// killServer ends the tmux server, gently if it answers.
func (a *agent) killServer() {
	ctx, cancel := context.WithTimeout(context.Background(), serverLimit)
	defer cancel()
	if _, err := a.connection().Run(ctx, "kill-server"); err == nil || lost(err) && !tmux.Answers(a.tmux.Dir) {
		return
	}
	cmd := a.tmux.Command("kill-server")
	if cmd.Start() == nil {
		force := time.AfterFunc(serverLimit, func() { _ = syscall.Kill(a.server, syscall.SIGKILL) })
		_ = cmd.Wait()
		force.Stop()
	}
}

// endRest ends what is left of the agent's processes after its tmux is gone.
func (a *agent) endRest() {
	root := a.rootPID()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	a.signal(syscall.SIGTERM)
	a.hangUpShells()
	if waitEnd(ctx, root) != nil {
		a.signal(syscall.SIGKILL)
	}
}
