package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/ws"
)

const (
	// dialTime bounds the making of a link. agentd answers in milliseconds; one that is just being restarted, in seconds. With the 9.5 s in which a dead link is noticed
	// it stays below patience, so that who waits hears why no other was made.
	dialTime = 8 * time.Second
	// firstBackoff and lastBackoff bound the pauses between attempts to make a link.
	firstBackoff = 50 * time.Millisecond
	lastBackoff  = 5 * time.Second
	// foreignLook is how often it is looked whether a session without agentd still is there.
	foreignLook = time.Second
	// makingLook is how often it is looked whether another process still makes a session.
	makingLook = 2 * time.Second
	// goneLook is how often it is looked whether the place of a session that answers is gone, and for how long it may have been: the agent's end is told by agentd
	// in a moment, unless its node hears late that it was deleted.
	goneLook = 5 * time.Second
	// removeTime bounds the forced removal of a session.
	removeTime = 6 * time.Second
)

var (
	// errEnded ends a link whose session has ended.
	errEnded = errors.New("the session has ended")
	// errNotMade ends a link to a session whose start was cut off.
	errNotMade = errors.New("the session's start was cut off")
	// errGone ends a link to a session whose place is gone, though its agentd lives.
	errGone = errors.New("the session was deleted")
)

// run keeps the link until the session is over or ctx ends, and the mirror for as long as there is something that it may have to tell.
func (s *session) run(ctx context.Context) {
	defer close(s.done)
	defer s.cancel()
	defer s.forgotten()
	defer s.mirroring(ctx)()
	backoff := firstBackoff
	for ctx.Err() == nil {
		condition, err := s.ep.Inspect(ctx)
		if err == nil && s.conclude(ctx, condition) {
			s.mirrorOn(ctx)
			return
		}
		if err == nil && condition == Foreign {
			_ = sleep(ctx, foreignLook) // the end of ctx ends the loop
			continue
		}
		answered := false
		if err == nil {
			err = s.attend(ctx, condition, func() { answered = true })
		}
		if errors.Is(err, errEnded) {
			s.ended(ctx)
			s.mirrorOn(ctx)
			return
		}
		if ctx.Err() != nil {
			return
		}
		s.update(func() { s.lost = err })
		if answered {
			s.hub.log.Info("link lost", "session", s.name, "error", err)
			backoff = firstBackoff
			continue // the pause is for what has failed before
		}
		s.hub.log.Debug("no link", "session", s.name, "error", err, "condition", condition)
		s.pause(ctx, backoff)
		backoff = min(2*backoff, lastBackoff)
	}
}

// conclude does what a session's condition asks for, and reports whether there is nothing more to link to.
func (s *session) conclude(ctx context.Context, c Condition) bool {
	switch c {
	case Orphaned:
		if err := s.ep.Revive(ctx); err != nil {
			s.hub.log.Warn("no new agentd for a session that lost its own", "session", s.name, "error", err)
			s.update(func() { s.lost = err })
		}
		return false
	case Ended:
		s.ended(ctx)
		return true
	case HalfMade:
		ctx, cancel := context.WithTimeout(ctx, removeTime)
		defer cancel()
		if err := s.ep.Remove(ctx, false); err != nil {
			s.hub.log.Warn("an interrupted start was not cleaned up", "session", s.name, "error", err)
			return false
		}
		s.vanished()
		return true
	case Gone:
		s.vanished()
		return true
	case Foreign:
		state := wire.StateRunning
		if s.ep.Unlaunched(ctx) {
			state = wire.StateWaiting
		}
		s.update(func() { s.foreign, s.status.State = true, state })
		return false
	default:
		return false
	}
}

// ended notes that the agent has ended. What its agentd told before the link was lost is not mirrored any more where more is known by then.
func (s *session) ended(ctx context.Context) {
	exit := s.ep.Exit(ctx)
	m := s.mirror()
	complete := m != nil && m.Complete(ctx)
	s.update(func() {
		s.stale = s.stale && !complete
		s.over, s.lost, s.peeks = true, nil, peekCache{}
		s.status.State, s.status.Attached = wire.StateExited, 0
		if s.status.Exit == nil {
			s.status.Exit = exit
		}
	})
}

// vanished notes that nothing of the session is left, and has the hub forget it.
func (s *session) vanished() {
	s.noteGone()
	s.hub.forget(s)
}

func (s *session) noteGone() {
	s.update(func() { s.over, s.gone, s.status = true, true, wire.Status{State: wire.StateExited} })
}

// forgotten tells whoever waits for a session that the hub no longer keeps, as another has its name, that it is gone. When the hub itself ends, nothing is
// known of its sessions.
func (s *session) forgotten() {
	if s.hub.ctx.Err() == nil && !s.isOver() {
		s.noteGone()
	}
}

// pause waits between two attempts. A caller who waits for the link shortens it, down to firstBackoff.
func (s *session) pause(ctx context.Context, backoff time.Duration) {
	backoff = time.Duration(float64(backoff) * (0.75 + 0.5*rand.Float64())) // so that 200 links don't come back in step
	least, most := time.NewTimer(min(backoff, firstBackoff)), time.NewTimer(backoff)
	defer least.Stop()
	defer most.Stop()
	select {
	case <-least.C:
	case <-ctx.Done():
		return
	}
	select {
	case <-most.C:
	case <-s.kick:
	case <-ctx.Done():
	}
}

// attend is follow with an eye on what agentd can't tell: while another process makes the session, that this was cut off, for agentd waits for its launch as
// long as somebody is linked to it; and later that its place is gone.
func (s *session) attend(ctx context.Context, c Condition, answered func()) error {
	ctx, end := context.WithCancelCause(ctx)
	var looking sync.WaitGroup
	looking.Go(func() {
		switch {
		case c == Making && s.awaitCutOff(ctx):
			end(errNotMade)
		case s.awaitGone(ctx):
			end(errGone)
		}
	})
	defer looking.Wait()
	defer end(nil)
	return s.follow(ctx, answered)
}

// awaitCutOff waits until the session is made, or is not to be; true says the latter.
func (s *session) awaitCutOff(ctx context.Context) bool {
	for sleep(ctx, makingLook) == nil {
		if c, err := s.ep.Inspect(ctx); err == nil && c != Making {
			return c == HalfMade
		}
	}
	return false
}

// awaitGone waits until the session has been gone for goneLook. Where its backend has heard nothing, that costs nothing.
func (s *session) awaitGone(ctx context.Context) bool {
	for gone := false; sleep(ctx, goneLook) == nil; {
		was := gone
		gone = s.ep.Terminating() && s.isGone(ctx)
		if was && gone {
			return true
		}
	}
	return false
}

func (s *session) isGone(ctx context.Context) bool {
	c, err := s.ep.Inspect(ctx)
	return err == nil && c == Gone
}

// follow makes the link and takes what agentd pushes until it ends, which is the error. answered is called when the first push has come.
func (s *session) follow(ctx context.Context, answered func()) error {
	conn, version, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(wire.CloseNormal, "")
	watch, err := conn.Open(ctx, mux.Request{Op: wire.OpWatch, Body: wire.Watch{Meta: s.mirror() != nil}})
	if err != nil {
		return err
	}
	defer watch.Cancel()
	s.update(func() { s.conn, s.version, s.seen, s.peeks = conn, version, false, peekCache{} })
	defer s.update(func() { s.conn, s.seen = nil, false })
	for {
		push, err := watch.NextPush()
		if err != nil {
			return s.linkEnd(ctx, watch, conn, err)
		}
		var event wire.Event
		if err := json.Unmarshal(push, &event); err != nil {
			return fmt.Errorf("agentd pushed %q: %w", push, err)
		}
		s.observe(event)
		answered()
	}
}

func (s *session) dial(ctx context.Context) (*mux.Conn, string, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	token, err := s.hub.options.Token(s.record.Audience)
	if err != nil {
		return nil, "", err
	}
	return ws.Dial(ctx, s.ep.Dial, token, mux.Options{Ping: s.hub.options.Ping, Logger: s.hub.log})
}

// observe takes what was pushed.
func (s *session) observe(event wire.Event) {
	s.update(func() {
		status := event.Status
		if s.seen && status.Screen < s.status.Screen {
			status.Screen = s.status.Screen // a peek's reply overtook this push
		}
		s.status, s.seen, s.lost = status, true, nil
		if event.Meta != nil {
			s.pushed(event.Meta.Meta)
		}
	})
}

// linkEnd says how a link ended: errEnded when the session did, and not just the link.
func (s *session) linkEnd(ctx context.Context, watch *mux.Call, conn *mux.Conn, err error) error {
	s.mu.Lock()
	exited := s.seen && s.status.State == wire.StateExited
	s.mu.Unlock()
	// agentd ends a watch, or refuses it, when it leaves. It answers all else that it was asked, and then says goodbye: closing the connection before
	// would lose a launch's answer. Waiting for that also makes its folder free.
	wait := time.NewTimer(dialTime)
	defer wait.Stop()
	select {
	case <-conn.Done():
	case <-ctx.Done():
	case <-wait.C:
	}
	resultErr := watch.Result(nil)
	if exited || wire.CodeOf(resultErr) == wire.CodeNoSession || mux.CloseCode(conn.Err()) == wire.CloseExited {
		return errEnded
	}
	if resultErr != nil {
		return resultErr
	}
	return err
}
