package terminal

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/termstream"
)

const (
	// leastWindow and mostWindow bound how much of a session's output may be under way, in bytes. It is what a person still sees pass after Ctrl-C stopped a flood, so
	// it is small; and it still carries 640 KB/s over a round trip of 100 ms.
	leastWindow = 64 << 10
	mostWindow  = 512 << 10
	// cellBytes is about what tmux sends for a cell, so that a large terminal's screen, too, comes without a pause.
	cellBytes = 4
	// outputBuffer is how much is written to the terminal at once.
	outputBuffer = 64 << 10
	// closing bounds what is still said on a connection when its turn is over.
	closing = time.Second
	// keyPatience is how long the connection may be lost and what was typed meanwhile still arrive: a person who types on doesn't notice a shorter
	// loss, and has seen the notice of a longer one. What was typed then was meant for a screen that has changed since.
	keyPatience = 2 * time.Second
	// noticeTime is how long a notice over the session's screen stays.
	noticeTime = 2 * time.Second
)

// link is one attach request and what carries its bytes.
type link struct {
	call  *mux.Call
	sizes chan wire.Size
	begun chan struct{} // closed when output has come, or none will
	drawn bool          // output has come; read after begun
	done  chan struct{} // closed when no more output comes
	work  sync.WaitGroup
}

// serve lets the session have the terminal for as long as conn lasts, and closes conn.
func (a *attachment) serve(ctx context.Context, conn *mux.Conn) turn {
	ctx, cancel := context.WithCancel(ctx)
	var l *link
	call, size, t := a.open(ctx, cancel, conn)
	if call != nil {
		l = a.carry(ctx, call)
		t = a.watch(ctx, conn, l, size)
	}
	if again := t.then == nextReconnect || t.then == nextRedraw; again && !a.options.ReadOnly {
		a.typed.hold()
	} else {
		a.typed.drop()
	}
	cancel()
	_ = conn.Close(wire.CloseNormal, "") // whatever it says, the connection is of no more use
	if l != nil {
		l.join()
	}
	return t
}

// open asks for the session's terminal, of the size that it gives. Without one the turn is over.
func (a *attachment) open(ctx context.Context, cancel func(), conn *mux.Conn) (*mux.Call, wire.Size, turn) {
	open := conn.Open
	if a.options.Open != nil {
		open = a.options.Open
	}
	if a.lost.IsZero() {
		a.takeKeys() // also before the first screen: people type ahead
	}
	size := a.tty.size()
	ask := wire.Attach{Size: size, Term: a.options.Term, ReadOnly: a.options.ReadOnly}
	if a.options.Compress {
		ask.Encoding = wire.EncodingZstd
	}
	var call *mux.Call
	var err error
	end, over := a.during(ctx, cancel, func() {
		call, err = open(ctx, mux.Request{
			Op: wire.OpAttach, Session: a.options.Session, Window: min(max(leastWindow, cellBytes*int64(size.Columns)*int64(size.Rows)), mostWindow),
			Body: ask,
		})
	})
	switch {
	case over && call != nil:
		call.Cancel() // it was opened in vain
		return nil, size, turn{then: nextEnd, end: end}
	case over:
		return nil, size, turn{then: nextEnd, end: end}
	case err != nil:
		return nil, size, a.refused(ctx, conn, err)
	}
	return call, size, turn{}
}

// carry starts what carries the bytes. It ends with ctx.
func (a *attachment) carry(ctx context.Context, call *mux.Call) *link {
	l := &link{call: call, sizes: make(chan wire.Size, 1), begun: make(chan struct{}), done: make(chan struct{})}
	l.work.Go(func() { l.show(a.screen, a.options.Compress) })
	l.work.Go(func() { l.send(ctx, a.typed) })
	l.work.Go(func() { l.resize(ctx) })
	l.work.Go(func() {
		<-ctx.Done()
		call.Cancel() // where the terminal came by a shorter way, the end of conn tells the session nothing
	})
	return l
}

func (a *attachment) takeKeys() {
	if !a.options.ReadOnly {
		a.typed.open()
	}
}

// show passes the session's output on to the terminal. What comes while the terminal is busy is written at once afterwards.
func (l *link) show(s *screen, compressed bool) {
	defer close(l.done)
	in := io.Reader(l.call)
	if compressed {
		z, err := termstream.NewReader(l.call)
		if err != nil {
			close(l.begun)
			return
		}
		defer z.Close()
		in = z
	}
	buf := make([]byte, outputBuffer)
	for {
		n, err := in.Read(buf)
		if !l.drawn {
			l.drawn = err == nil
			close(l.begun)
		}
		if err != nil {
			return // Result says why
		}
		if _, err := s.Write(buf[:n]); err != nil {
			return
		}
	}
}

// send passes on what is typed.
func (l *link) send(ctx context.Context, t *typed) {
	for {
		data, err := t.take(ctx)
		if err != nil {
			return
		}
		if _, err := l.call.Write(data); err != nil {
			return // the reading side reports it
		}
	}
}

// resize passes on the terminal's sizes.
func (l *link) resize(ctx context.Context) {
	for {
		select {
		case size := <-l.sizes:
			if l.call.Push(size) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// setSize hands the newest size over.
func (l *link) setSize(size wire.Size) {
	select {
	case <-l.sizes: // an older one that nobody has taken yet
	default:
	}
	l.sizes <- size
}

// join waits for what carries the bytes; but for one that writes to a terminal which takes nothing, only for a while.
func (l *link) join() {
	joined := make(chan struct{})
	go func() {
		l.work.Wait()
		close(joined)
	}()
	timer := time.NewTimer(closing)
	defer timer.Stop()
	select {
	case <-joined:
	case <-timer.C:
	}
}

// watch waits for the end of the link's turn. size is what the session's terminal was opened with.
func (a *attachment) watch(ctx context.Context, conn *mux.Conn, l *link, size wire.Size) turn {
	if now := a.tty.size(); now != size {
		l.setSize(now)
	}
	var redraw <-chan time.Time
	awaited := l.begun
	for {
		e, end := a.wait(ctx, awaited, redraw)
		switch e {
		case eventDone:
			if awaited == l.done || !l.drawn {
				return a.judge(ctx, conn, l.call)
			}
			awaited = l.done
			if !a.lost.IsZero() && time.Since(a.lost) > keyPatience {
				a.typed.drop()
			}
			a.shown, a.lost, a.tries = true, time.Time{}, 0
			a.takeKeys()
		case eventLeave:
			return turn{then: nextEnd, end: end}
		case eventHelp:
			return turn{then: nextHelp}
		case eventSuspend:
			return turn{then: nextSuspend}
		case eventTimer:
			return turn{then: nextRedraw}
		case eventContinue: // the shell may have changed the terminal
			if err := a.tty.raw(); err != nil {
				return turn{then: nextEnd, err: err}
			}
			return turn{then: nextRedraw}
		case eventResize:
			l.setSize(a.tty.size())
		case eventDropped:
			if a.options.ReadOnly && !a.warned {
				a.warned = true
				a.screen.notice(a.tty.size(), "read-only: keys are dropped (~. or Ctrl-C leaves)")
				redraw = time.After(noticeTime)
			}
		}
	}
}

// judge says what the end of an exchange means.
func (a *attachment) judge(ctx context.Context, conn *mux.Conn, call *mux.Call) turn {
	ctx, cancel := context.WithTimeout(ctx, closing)
	defer cancel()
	var reply wire.AttachReply
	err := call.Result(&reply)
	switch {
	case err == nil && reply.Exit != nil:
		return turn{then: nextEnd, end: End{Exit: reply.Exit}}
	case err == nil && reply.Detached:
		return turn{then: nextEnd, end: End{Left: true}}
	case err == nil:
		return a.inquire(ctx, conn)
	default:
		return a.refused(ctx, conn, err)
	}
}

// refused says what it means that the session's terminal can't be had.
func (a *attachment) refused(ctx context.Context, conn *mux.Conn, err error) turn {
	if wire.CodeOf(err) == wire.CodeNoSession && a.shown {
		return a.inquire(ctx, conn)
	}
	return a.failed(err)
}

// failed says what to do about a connection or a request that failed: what may be different a moment later is tried again.
func (a *attachment) failed(err error) turn {
	if !a.shown || a.options.final(err) {
		return turn{then: nextEnd, err: err}
	}
	return turn{then: nextReconnect, err: err}
}

// final says whether trying again is pointless.
func (o Options) final(err error) bool {
	if mux.Lost(err) {
		return false
	}
	switch wire.CodeOf(err) {
	case wire.CodeNoSession, wire.CodeForbidden, wire.CodeBadRequest, wire.CodeUnknownOp:
		return true
	}
	return false
}

// inquire asks what became of a session whose terminal ended without saying so.
func (a *attachment) inquire(ctx context.Context, conn *mux.Conn) turn {
	ctx, cancel := context.WithTimeout(ctx, closing)
	defer cancel()
	var reply wire.StateReply
	err := conn.Call(ctx, mux.Request{Op: wire.OpState, Session: a.options.Session}, &reply)
	switch {
	case wire.CodeOf(err) == wire.CodeNoSession:
		return turn{then: nextEnd}
	case err != nil:
		return a.failed(err)
	case reply.State == wire.StateExited:
		return turn{then: nextEnd, end: End{Exit: reply.Exit}}
	}
	return turn{then: nextEnd, end: End{Left: true}} // someone detached it
}
