package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/gascity/agentd/agentd/tmux"
	"github.com/gascity/agentd/agentd/wire"
)

// killedStatus is the exit status of a session that was destroyed under its agent, which gets SIGHUP from that.
const killedStatus = 128 + int(syscall.SIGHUP)

// present makes a running agent the session's, for everybody to see.
func (s *Session) present(a *agent) {
	s.mu.Lock()
	s.agent = a
	s.mu.Unlock()
	s.board.update(func(st *wire.Status) { st.State, st.Started = wire.StateRunning, a.marks.started })
	s.board.follow(a.tracker.Last)
	close(a.running)
}

// supervise looks after a running agent until it has ended, or ctx has.
func (s *Session) supervise(ctx context.Context, a *agent) (wire.Exit, error) {
	work, end := context.WithCancelCause(ctx)
	var owned sync.WaitGroup
	typing, stopTyping := context.WithCancelCause(work)
	owned.Go(func() { a.queue.Run(typing) })
	owned.Go(func() { a.deliverLate(work) })
	owned.Go(func() { a.watchScreen(work) })
	owned.Go(func() { a.stopWhenAsked(work, func() { stopTyping(errStopping) }) })
	owned.Go(func() { a.followCredentials(work) })
	ended := make(chan struct{}, 1)
	owned.Go(func() { a.watchRoot(work, ended) })

	exit, err := a.watch(work, ended)
	if err != nil {
		end(nil)
		owned.Wait()
		_ = a.connection().Close()
		return wire.Exit{}, fmt.Errorf("leave the session: %w", context.Cause(ctx))
	}
	end(errNoSession)
	owned.Wait()
	stopTyping(nil)
	return s.finish(a, exit), nil
}

// watch returns how the agent ended. An error means that ctx ended first.
func (a *agent) watch(ctx context.Context, ended <-chan struct{}) (wire.Exit, error) {
	a.look() // what happened before we watched
	dying := false
	for {
		var exit *wire.Exit
		var err error
		select {
		case <-ctx.Done():
			return wire.Exit{}, ctx.Err()
		case <-a.session.pulse:
		case <-ended:
			dying = true
			a.look()
		case <-a.kick:
			if dying {
				exit, err = a.reap(ctx)
				dying = err != nil
			} else {
				exit, err = a.inspect(ctx)
			}
		case <-a.connection().Done():
			exit, err = a.reconnect(ctx)
		}
		switch {
		case exit != nil:
			return *exit, nil
		case ctx.Err() != nil:
			return wire.Exit{}, ctx.Err()
		case lost(err):
			// The connection's end is the next thing to be noticed.
		case err != nil:
			a.session.log.Error("can't look after the agent", "error", err)
		}
	}
}

func lost(err error) bool {
	l := (*tmux.LostError)(nil)
	return errors.As(err, &l)
}

// see asks tmux about the pane, on the present connection only: when it has ended, its end must be looked into.
func (a *agent) see(ctx context.Context) (inspection, error) {
	out, err := a.connection().Run(ctx, display(a.paneID(), inspectFormat)...)
	if err != nil {
		return inspection{}, err
	}
	return parseInspection(string(out))
}

// inspect looks at the pane and the session, and puts right what may be.
func (a *agent) inspect(ctx context.Context) (*wire.Exit, error) {
	now, err := a.see(ctx)
	if err != nil {
		return nil, err
	}
	if !now.exists {
		return killed(), nil
	}
	if now.dead {
		return a.reap(ctx)
	}
	if now.session == a.target && now.name != sessionName {
		a.session.log.Warn("session renamed back", "from", now.name, "to", sessionName)
		if _, err := a.connection().Run(ctx, "rename-session", "-t", a.target, sessionName); err != nil {
			return nil, fmt.Errorf("rename the session back from %q: %w", now.name, err)
		}
	}
	a.mu.Lock()
	a.pid = now.pid
	attached := max(now.clients-1, a.terminals)
	a.mu.Unlock()
	before := a.session.board.read()
	if before.Columns != now.columns || before.Rows != now.rows || before.Attached != attached {
		a.session.board.update(func(st *wire.Status) { st.Columns, st.Rows, st.Attached = now.columns, now.rows, attached })
	}
	if before.Columns != now.columns || before.Rows != now.rows {
		a.keepSize(ctx)
	}
	return nil, nil
}

func killed() *wire.Exit {
	return &wire.Exit{Status: killedStatus, Signal: int(syscall.SIGHUP), Reason: "session killed", Time: time.Now()}
}

// watchRoot tells of the end of the pane's process, without asking tmux: its own word may come late or, before 3.5, never. A process that took
// the pane over meanwhile (respawn-pane) is watched in turn.
func (a *agent) watchRoot(ctx context.Context, ended chan<- struct{}) {
	for {
		pid := a.rootPID()
		if waitEnd(ctx, pid) != nil {
			return
		}
		select {
		case ended <- struct{}{}:
		case <-ctx.Done():
			return
		}
		for pause := time.Millisecond; a.rootPID() == pid; pause = min(2*pause, time.Second) {
			if sleep(ctx, pause) != nil {
				return
			}
		}
	}
}

// reapLimit bounds the wait for tmux to say how the pane's process ended.
const reapLimit = 2 * time.Second

// lastWordsLimit bounds the wait for tmux to have read all that an ended agent printed. A child in the background that keeps the terminal open may make tmux wait
// for ever.
const lastWordsLimit = 200 * time.Millisecond

// reap learns from tmux how the pane's process ended. It gives neither when the pane lives on with another process.
func (a *agent) reap(ctx context.Context) (*wire.Exit, error) {
	deadline, printed := time.Now().Add(reapLimit), time.Now().Add(lastWordsLimit)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		now, err := a.see(ctx)
		switch {
		case err != nil:
			return nil, err
		case !now.exists:
			return killed(), nil
		case (now.signal > 0 || now.status >= 0) && !now.dead && time.Now().Before(printed):
			// tmux knows the status before it has read the last output.
		case now.signal > 0:
			return &wire.Exit{Status: 128 + now.signal, Signal: now.signal, Time: time.Now()}, nil
		case now.status >= 0:
			return &wire.Exit{Status: now.status, Time: time.Now()}, nil
		case now.pid != a.rootPID():
			a.mu.Lock()
			a.pid = now.pid
			a.mu.Unlock()
			return nil, nil
		case !time.Now().Before(deadline):
			return &wire.Exit{Status: 1, Reason: "tmux doesn't say how the agent ended", Time: time.Now()}, nil
		}
		// tmux before 3.5 may miss the signal that tells it of a child's end, and leave the pane without a status for ever. One signal more does no harm.
		_ = syscall.Kill(a.server, syscall.SIGCHLD)
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// reconnect finds out why the connection ended, and makes another if there is something left to connect to.
func (a *agent) reconnect(ctx context.Context) (*wire.Exit, error) {
	gone := (*tmux.LostError)(nil)
	errors.As(a.connection().Err(), &gone)
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		attempt, cancel := context.WithTimeout(ctx, reconnectLimit)
		c, err := tmux.Attach(attempt, a.tmux, a.target)
		cancel()
		switch {
		case err == nil:
			a.session.log.Warn("tmux's control connection was lost and made anew", "reason", gone)
			a.connect(c)
			a.keepSize(ctx)
			a.session.counts.reconnects.Add(1)
			a.session.board.screenChanged() // what happened meanwhile was not told
			a.printed(time.Now())
			a.look()
			return nil, nil
		case errors.Is(err, tmux.ErrNoSession) && gone.Exited && !gone.ServerDied():
			return killed(), nil
		case errors.Is(err, tmux.ErrNoSession):
			return &wire.Exit{Status: 1, Reason: "tmux died", Time: time.Now()}, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		a.session.log.Error("can't connect to tmux", "error", err)
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// reconnectLimit bounds one attempt to attach, which takes 53 ms, 50 of them a pause, when tmux isn't stuck.
const reconnectLimit = 5 * time.Second
