package hub

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// A session's metadata is agentd's. Where agentd's files end with it, the hub keeps a mirror of it in the backend, for the time after the agent's end.

const (
	// mirrorTime bounds one write of a mirror, and the wait for it: who changes metadata is not to wait longer for a mirror than for the change.
	mirrorTime = 3 * time.Second
	// lateMirrorTime bounds that write when the session has ended, which may have to wait for what agentd left.
	lateMirrorTime = 10 * time.Second
	// firstMirrorRetry and lastMirrorRetry bound how long after a failed write of a mirror the next one is tried. There are as many mirrors as sessions.
	firstMirrorRetry = time.Second
	lastMirrorRetry  = 10 * time.Second
	// leavingMirrorRetry is that pause where the hub leaves, which gives its mirrors little time.
	leavingMirrorRetry = 100 * time.Millisecond
)

// mirror gives the endpoint's mirror, nil when agentd's own files outlive it.
func (s *session) mirror() Mirror {
	m, _ := s.ep.(Mirror)
	return m
}

// mirroring keeps the mirror up to date until the returned function is called.
func (s *session) mirroring(ctx context.Context) (stop func()) {
	m := s.mirror()
	if m == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var writing sync.WaitGroup
	writing.Go(func() { s.keepMirrored(ctx, m) })
	return func() {
		cancel()
		writing.Wait()
	}
}

// keepMirrored writes the mirror after each change. It alone does, so that an older state never replaces a newer one.
func (s *session) keepMirrored(ctx context.Context, m Mirror) {
	retry := firstMirrorRetry
	for {
		s.mu.Lock()
		meta, mirrored, over, stale, changed := s.meta, s.mirrored, s.over, s.stale, s.waiter()
		s.mu.Unlock()
		if !stale {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return
			}
		}
		var err error
		if over {
			err = mirrorLate(ctx, m, meta, mirrored)
		} else {
			writing, cancel := context.WithTimeout(ctx, mirrorTime)
			err = m.Mirror(writing, meta)
			cancel()
		}
		if err != nil && ctx.Err() != nil {
			return
		}
		if err != nil {
			s.hub.log.Warn("metadata is not mirrored", "session", s.name, "error", err)
			s.update(func() { s.unmirrored = err })
			if s.pauseMirror(ctx, retry) != nil {
				return
			}
			retry = min(2*retry, lastMirrorRetry)
			continue
		}
		retry = firstMirrorRetry
		s.update(func() { s.mirrored, s.stale, s.unmirrored = meta, !maps.Equal(s.meta, meta), nil })
	}
}

// pauseMirror waits before a mirror is tried again.
func (s *session) pauseMirror(ctx context.Context, retry time.Duration) error {
	t := time.NewTimer(retry)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-s.hub.leaving:
		return sleep(ctx, leavingMirrorRetry)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mirrorLate writes the mirror when the session has ended: from then on others change it, too, in the endpoint itself.
func mirrorLate(ctx context.Context, m Mirror, meta, mirrored map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, lateMirrorTime)
	defer cancel()
	err := m.MirrorTold(ctx, meta, mirrored)
	if wire.CodeOf(err) == wire.CodeNoSession {
		return nil // nothing is left to keep it for
	}
	return err
}

// awaitMirrors waits, for a moment, until nothing that agents said before their end is known to this hub alone.
func (h *Hub) awaitMirrors() {
	var waiting sync.WaitGroup
	for _, s := range h.all() {
		if s.isOver() {
			waiting.Go(func() { s.awaitMirrored(h.ctx) })
		}
	}
	waiting.Wait()
}

// pushed takes the metadata as agentd tells it. The caller holds mu.
func (s *session) pushed(meta map[string]string) {
	s.pushedMeta = meta
	s.remember(meta)
}

// remember takes the metadata as it is now, or is about to be. The caller holds mu.
func (s *session) remember(meta map[string]string) {
	if s.meta == nil || !maps.Equal(s.meta, meta) {
		s.meta, s.stale = meta, true
	}
}

// expect mirrors a change before agentd has made it, so that the two take no longer than one. What agentd pushes then settles it. The returned function takes
// back what agentd did not do.
func (s *session) expect(change func(map[string]string)) (unexpect func()) {
	expected := false
	s.update(func() {
		if s.meta == nil || s.over {
			return // nothing was pushed yet, or nothing will be
		}
		meta := maps.Clone(s.meta)
		change(meta)
		s.remember(meta)
		expected = true
	})
	return func() {
		if expected {
			s.update(func() { s.remember(s.pushedMeta) })
		}
	}
}

// mirrorOn leaves an ended session's mirror the time it needs to become as new as what agentd told last, and to take back what was expected in vain: until
// ctx ends, or nothing is left to keep it for.
func (s *session) mirrorOn(ctx context.Context) {
	s.mu.Lock()
	nothing := s.gone || s.meta == nil
	s.mu.Unlock()
	if s.mirror() != nil && !nothing {
		<-ctx.Done()
	}
}

// awaitMirrored waits until the mirror is as new as what was pushed, for a moment, and tells whether it is: metadata that can't be mirrored must not hold up
// more.
func (s *session) awaitMirrored(ctx context.Context) bool {
	if s.mirror() == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, mirrorTime)
	defer cancel()
	for {
		s.mu.Lock()
		stale, changed := s.stale, s.waiter()
		s.mu.Unlock()
		if !stale {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
