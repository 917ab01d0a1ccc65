package hub

import (
	"context"
	"errors"
	"fmt"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// Metadata outlives the agent: what agentd mirrored is read, and changed, where the session left it. Before the agent there is none.

// errUnlaunched is the answer to a change of metadata that aren't there yet.
var errUnlaunched = wire.Errorf(wire.CodeUnavailable, "its agent is still to be launched: try again")

func metaGet(ctx context.Context, x *mux.Exchange, s *session) (any, error) {
	reply, ended, err := askMeta(ctx, x, s)
	if !ended && !errors.Is(err, errUnlaunched) {
		return reply, err
	}
	var q wire.Meta
	if err := x.Decode(&q); err != nil {
		return nil, err
	}
	if !ended {
		return wire.Meta{Key: q.Key}, nil
	}
	left, err := s.leftMeta(ctx)
	if err != nil {
		return nil, err
	}
	value, set := left[q.Key]
	return wire.Meta{Key: q.Key, Value: value, Set: set}, nil
}

func metaList(ctx context.Context, x *mux.Exchange, s *session) (any, error) {
	reply, ended, err := askMeta(ctx, x, s)
	if errors.Is(err, errUnlaunched) {
		return wire.MetaList{}, nil
	}
	if !ended {
		return reply, err
	}
	left, err := s.leftMeta(ctx)
	if err != nil {
		return nil, err
	}
	return wire.MetaList{Meta: left}, nil
}

// leftMeta gives the metadata that an agent left. While its mirror is older, what agentd told last counts, unless agentd left newer ones itself.
func (s *session) leftMeta(ctx context.Context) (map[string]string, error) {
	s.mu.Lock()
	told, mirrored, stale := s.meta, s.mirrored, s.stale
	s.mu.Unlock()
	if m := s.mirror(); m != nil && stale {
		return m.Told(ctx, told, mirrored), nil
	}
	left, err := s.ep.Meta(ctx)
	if err != nil {
		return nil, fmt.Errorf("metadata of session %q: %w", s.name, err)
	}
	return left, nil
}

// metaSet answers OpMetaSet.
func metaSet(ctx context.Context, x *mux.Exchange, s *session) (any, error) {
	return metaChange(ctx, x, s, func(left map[string]string, m wire.Meta) { left[m.Key] = m.Value })
}

// metaRemove answers OpMetaRemove.
func metaRemove(ctx context.Context, x *mux.Exchange, s *session) (any, error) {
	return metaChange(ctx, x, s, func(left map[string]string, m wire.Meta) { delete(left, m.Key) })
}

// metaChange lets agentd change the metadata, or, once the agent has ended, changes what is left of it.
func metaChange(ctx context.Context, x *mux.Exchange, s *session, change func(map[string]string, wire.Meta)) (any, error) {
	var m wire.Meta
	if err := x.Decode(&m); err != nil {
		return nil, err
	}
	unexpect := s.expect(func(meta map[string]string) { change(meta, m) })
	reply, ended, err := askMeta(ctx, x, s)
	if ended || err != nil {
		unexpect()
	}
	if errors.Is(err, errUnlaunched) {
		return nil, fmt.Errorf("metadata of session %q: %w", s.name, err)
	}
	if !ended {
		s.awaitMirrored(ctx)
		return reply, err
	}
	// agentd, which says this of others, isn't there.
	if err := m.Check(x.Op); err != nil {
		return nil, err
	}
	if !s.awaitMirrored(ctx) { // what is written there later would undo the change
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.unmirrored == nil {
			return nil, wire.Errorf(wire.CodeUnavailable, "metadata of session %q: what its agent left is being written down: try again", s.name)
		}
		return nil, wire.Errorf(wire.CodeUnavailable, "metadata of session %q: what its agent left could not be written down yet: %v", s.name, s.unmirrored)
	}
	if err := s.ep.ChangeMeta(ctx, func(left map[string]string) { change(left, m) }); err != nil {
		return nil, fmt.Errorf("metadata of session %q: %w", s.name, err)
	}
	return nil, nil
}

// askMeta passes a request on to agentd as long as that can answer it. ended says that the agent has ended, and that agentd, which is to write no more, has gone
// as well.
func askMeta(ctx context.Context, x *mux.Exchange, s *session) (reply any, ended bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		s.mu.Lock()
		changed := s.waiter()
		s.mu.Unlock()
		if s.pending(ctx) {
			return nil, false, errUnlaunched
		}
		reply, err := askAgain(ctx, x, s)
		if wire.CodeOf(err) != wire.CodeNoSession {
			return reply, false, err
		}
		s.mu.Lock()
		over, gone, unlaunched := s.over, s.gone, s.unlaunched()
		s.mu.Unlock()
		switch {
		case gone:
			return nil, false, noSession(s.name)
		case over:
			return nil, true, nil
		case unlaunched:
			return nil, false, errUnlaunched
		}
		// It was launched meanwhile, or is about to be over.
		if err := s.await(waiting, changed); err != nil {
			return nil, false, err
		}
	}
}

// unlaunched says that agentd waits for the launch. The caller holds mu.
func (s *session) unlaunched() bool {
	status := s.snapshot()
	return s.proven() && !status.Stopping && (status.State == wire.StateWaiting || status.State == wire.StateStaging)
}
