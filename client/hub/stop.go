package hub

import (
	"context"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

const (
	// stopTime bounds agentd's own way of stopping; with probeTime and removeTime a stop ends within 25 s, where gc allows 30. Whoever grants the agent more
	// than agentd does by itself waits for as much longer.
	stopTime = 15 * time.Second
	// endTime is how long agentd may take past the grace period for what outlived it: as much as stopTime leaves when none was asked for.
	endTime = 5 * time.Second
	// maxGrace bounds what a caller may grant the agent: nobody else can work on the name meanwhile.
	maxGrace = time.Hour
	// probeTime is how long agentd may take to say that it lives, before it is ended by force.
	probeTime = 3 * time.Second
)

// stop answers OpStop: the session is gone when it returns without an error, or with wire.CodeNoSession, when there was none. It goes on when its caller goes away, so that no
// session is left half-stopped.
func (h *Hub) stop(ctx context.Context, name string, q wire.Stop) error {
	if q.GraceMS < 0 || q.GraceMS > maxGrace.Milliseconds() {
		return wire.Errorf(wire.CodeBadRequest, "stop session %q: a grace period of %d ms: it may be at most %s", name, q.GraceMS, maxGrace)
	}
	within := max(stopTime, time.Duration(q.GraceMS)*time.Millisecond+endTime)
	started := h.cancelStarts(name)
	h.hurry(ctx, name, q)
	unlock, err := h.names.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTime+within+removeTime)
	defer cancel()
	s, err := h.lookup(ctx, name)
	switch {
	case err != nil:
		return err
	case s == nil && !started:
		return noSession(name)
	case s == nil:
		return nil
	}
	s.update(func() { s.stopping = true })
	err = s.askToStop(ctx, q, within)
	if err != nil {
		h.log.Warn("agentd did not stop its session; ending it by force", "session", name, "error", err)
	}
	if err := h.discard(ctx, s, err == nil); err != nil {
		s.update(func() { s.stopping = false })
		return err
	}
	return nil
}

// hurry passes a stop on at once where another is under way, which may grant the agent more time: agentd takes the less. The other one sees to the rest.
func (h *Hub) hurry(ctx context.Context, name string, q wire.Stop) {
	h.mu.Lock()
	s := h.sessions[name]
	h.mu.Unlock()
	if s == nil {
		return
	}
	s.mu.Lock()
	conn, stopping := s.conn, s.stopping
	s.mu.Unlock()
	if stopping && conn != nil {
		_ = conn.Call(ctx, mux.Request{Op: wire.OpStop, Body: q}, nil)
	}
}

// askToStop lets agentd end its session gracefully, within that time. Should it not even say that it lives, there is no point in waiting.
func (s *session) askToStop(ctx context.Context, q wire.Stop, within time.Duration) error {
	probe, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	conn, err := s.link(probe)
	if wire.CodeOf(err) == wire.CodeNoSession {
		return nil
	}
	if err != nil {
		return err
	}
	if err := conn.Call(probe, mux.Request{Op: wire.OpState}, nil); err != nil {
		return err
	}
	ctx, cancel = context.WithTimeout(ctx, within)
	defer cancel()
	return conn.Call(ctx, mux.Request{Op: wire.OpStop, Body: q}, nil)
}

// discard removes what there is of a session, by force where it lives. dead says that agentd has told of its end.
func (h *Hub) discard(ctx context.Context, s *session, dead bool) error {
	s.close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
	defer cancel()
	if err := s.ep.Remove(ctx, dead); err != nil {
		h.forget(s) // whoever asks next looks at what there is
		return err
	}
	s.vanished()
	return nil
}

// undo removes what a failed start has made.
func (h *Hub) undo(s *session) {
	if err := h.discard(context.Background(), s, false); err != nil {
		h.log.Error("a failed start was not cleaned up", "session", s.name, "error", err)
	}
}
