package hub

import (
	"context"
	"io"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// answer does what one exchange asks for.
func (h *Hub) answer(ctx context.Context, x *mux.Exchange) (any, error) {
	switch x.Op {
	case wire.OpStart:
		return h.start(ctx, x)
	case wire.OpList:
		var q wire.List
		if err := x.Decode(&q); err != nil {
			return nil, err
		}
		return h.list(ctx, q)
	case wire.OpWatchList:
		return h.watchList(ctx, x)
	case wire.OpStop:
		var q wire.Stop
		if err := x.Decode(&q); err != nil {
			return nil, err
		}
		return nil, h.stop(ctx, x.Session, q)
	case wire.OpCheckImage:
		var q wire.CheckImage
		if err := x.Decode(&q); err != nil {
			return nil, err
		}
		return nil, h.backend.CheckImage(ctx, q)
	case wire.OpHubStatus:
		return h.status(), nil
	case wire.OpHubStop:
		return nil, h.toldToStop(ctx, x)
	case wire.OpEventsEnsure, wire.OpEventsRecord, wire.OpEventsList, wire.OpEventsLatest, wire.OpEventsWatch, wire.OpEventsPrune:
		return h.answerEvents(ctx, x)
	}
	return h.answerSession(ctx, x)
}

// answerSession does what is asked of one session.
func (h *Hub) answerSession(ctx context.Context, x *mux.Exchange) (any, error) {
	handle := h.sessionOp(x.Op)
	if handle == nil {
		return nil, wire.Errorf(wire.CodeUnknownOp, "unknown operation %q", x.Op)
	}
	s, err := h.find(ctx, x.Session)
	if err != nil {
		return nil, err
	}
	return handle(ctx, x, s)
}

// sessionHandler answers an exchange that concerns a session.
type sessionHandler func(ctx context.Context, x *mux.Exchange, s *session) (any, error)

func (h *Hub) sessionOp(op wire.Op) sessionHandler {
	switch op {
	case wire.OpState:
		return stateOf
	case wire.OpActivity:
		return activityOf
	case wire.OpAttached:
		return attachedOf
	case wire.OpWatch:
		return watch
	case wire.OpPeek:
		return h.peek
	case wire.OpNudge:
		return nudge
	case wire.OpMetaGet:
		return metaGet
	case wire.OpMetaList:
		return metaList
	case wire.OpOutput:
		return output
	case wire.OpMetaSet:
		return metaSet
	case wire.OpMetaRemove:
		return metaRemove
	case wire.OpProcessAlive:
		return processAlive
	case wire.OpClear:
		return written(askAgain)
	case wire.OpKeys, wire.OpInterrupt:
		return written(askOnce)
	case wire.OpPut:
		return put
	case wire.OpGet:
		return askOnce
	case wire.OpAttach:
		return attach
	}
	return nil
}

func stateOf(ctx context.Context, _ *mux.Exchange, s *session) (any, error) {
	status, err := s.settle(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return wire.StateReply{Status: status, Version: s.version}, nil
}

func activityOf(ctx context.Context, _ *mux.Exchange, s *session) (any, error) {
	status, err := s.settle(ctx)
	if err != nil {
		return nil, err
	}
	return wire.ActivityReply{Time: status.Activity}, nil
}

func attachedOf(ctx context.Context, _ *mux.Exchange, s *session) (any, error) {
	status, err := s.settle(ctx)
	if err != nil {
		return nil, err
	}
	return wire.AttachedReply{Attached: status.Attached > 0}, nil
}

// processAlive answers OpProcessAlive. What was told to end counts as dead, though its agentd may not say so any more, and so does what nothing runs in yet.
func processAlive(ctx context.Context, x *mux.Exchange, s *session) (any, error) {
	if s.ep.Terminating() || s.pending(ctx) {
		return wire.ProcessAliveReply{}, nil
	}
	return askAgain(ctx, x, s)
}

// watch answers OpWatch from what is pushed to the hub, so that any number of watchers costs the session one. It rides out a lost link.
func watch(ctx context.Context, x *mux.Exchange, s *session) (any, error) {
	var last wire.Status
	for first := true; ; first = false {
		s.mu.Lock()
		changed, over := s.waiter(), s.over
		s.mu.Unlock()
		status, err := s.settle(ctx)
		switch {
		case wire.CodeOf(err) == wire.CodeUnavailable:
			// The session may come back; its watcher waits.
		case err != nil:
			return nil, err
		case first || !same(status, last):
			if err := x.Push(wire.Event{Status: status}); err != nil {
				return nil, err
			}
			last = status
		}
		if err == nil && over { // before it was asked, so the last word was said
			return nil, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// same compares two states of a session; exits are compared by being there, as they don't change.
func same(a, b wire.Status) bool {
	if (a.Exit == nil) != (b.Exit == nil) {
		return false
	}
	a.Exit, b.Exit = nil, nil
	return a == b
}

// unsure says of a lost link that it isn't known whether a request that must not be repeated took effect.
func unsure(op wire.Op, name string, err error) error {
	if !mux.Lost(err) {
		return err
	}
	return wire.Errorf(wire.CodeUnavailable, "the link to session %q went away during %s; it may or may not have happened: %v", name, op, err)
}

// askAgain passes a request without streams on, again when the link goes away under it: repeating it does no harm.
func askAgain(ctx context.Context, x *mux.Exchange, s *session) (any, error) {
	waiting, cancel := context.WithTimeout(ctx, patience) // for all links together
	defer cancel()
	for {
		reply, err := passOn(ctx, waiting, x, s)
		if !mux.Lost(err) {
			return reply, err
		}
	}
}

// askOnce passes a request on, with its streams, but not twice.
func askOnce(ctx context.Context, x *mux.Exchange, s *session) (any, error) {
	reply, err := passOn(ctx, ctx, x, s)
	return reply, unsure(x.Op, s.name, err)
}

// put passes files on, compressed where the session's place says so.
func put(ctx context.Context, x *mux.Exchange, s *session) (any, error) {
	var ask wire.Put
	if err := x.Decode(&ask); err != nil {
		return nil, err
	}
	encoding := s.ep.Record().Encoding
	if encoding == "" || ask.Encoding != "" {
		return askOnce(ctx, x, s)
	}
	ask.Encoding = encoding
	reply, err := compressed(ctx, x, s, ask)
	return reply, unsure(x.Op, s.name, err)
}

// passOn passes a request on over the session's link, which is waited for until waiting ends.
func passOn(ctx, waiting context.Context, x *mux.Exchange, s *session) (any, error) {
	conn, err := s.link(waiting)
	if err != nil {
		return nil, err
	}
	return mux.Proxy(ctx, x, conn)
}

// written marks what was peeked as old once the request has been answered, whatever the answer.
func written(handle sessionHandler) sessionHandler {
	return func(ctx context.Context, x *mux.Exchange, s *session) (any, error) {
		defer s.wrote()
		return handle(ctx, x, s)
	}
}

// attach passes a terminal on. Whoever is attached reconnects when the link goes away.
func attach(ctx context.Context, x *mux.Exchange, s *session) (any, error) {
	reply, err := passOn(ctx, ctx, x, s)
	if mux.Lost(err) {
		err = wire.Errorf(wire.CodeUnavailable, "the link to session %q went away: %v", s.name, err)
	}
	return reply, err
}

// nudge takes the whole message in, so that it can be sent again when the link goes away; the key keeps it from being typed twice.
func nudge(ctx context.Context, x *mux.Exchange, s *session) (any, error) {
	text, err := io.ReadAll(io.LimitReader(x, wire.MaxNudge+1))
	if err != nil {
		return nil, err
	}
	if len(text) > wire.MaxNudge {
		return nil, wire.Errorf(wire.CodeTooLarge, "the message is over %d bytes", wire.MaxNudge)
	}
	key := x.Key
	if key == "" {
		key = newKey()
	}
	defer s.wrote()
	waiting, cancel := context.WithTimeout(ctx, patience) // for all links together
	defer cancel()
	for {
		err := passNudge(ctx, waiting, s, mux.Request{Op: wire.OpNudge, Key: key, Body: x.Body, Input: text})
		if !mux.Lost(err) {
			return nil, err
		}
	}
}

func passNudge(ctx, waiting context.Context, s *session, q mux.Request) error {
	conn, err := s.link(waiting)
	if err != nil {
		return err
	}
	return conn.Call(ctx, q, nil)
}

// output answers OpOutput; what an ended agent put out is in the log that it left.
func output(ctx context.Context, x *mux.Exchange, s *session) (any, error) {
	conn, err := s.link(ctx)
	if wire.CodeOf(err) == wire.CodeNoSession {
		var q wire.Output
		if err := x.Decode(&q); err != nil {
			return nil, err
		}
		return nil, s.ep.Log(ctx, q.Tail, x)
	}
	if err != nil {
		return nil, err
	}
	return mux.Proxy(ctx, x, conn)
}
