package hub

import (
	"context"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// askTime bounds one question to a session whose link isn't proven live, before it is asked again.
const askTime = 5 * time.Second

// session is what the hub knows of one session. Its goroutine (run, in link.go) keeps the link.
type session struct {
	hub    *Hub
	name   string
	ep     Endpoint
	record Record
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{} // closed when run has returned
	kick   chan struct{} // holds one token when a caller wants the link sooner than the backoff would have it

	mu       sync.Mutex
	conn     *mux.Conn // the link, nil while it is down
	version  string    // agentd's build
	seen     bool      // status came over conn
	status   wire.Status
	over     bool  // the agent has ended, and agentd with it
	gone     bool  // nothing is left of it
	foreign  bool  // there is no agentd to link to; status is as the backend sees it
	stopping bool  // a stop of ours is under way
	lost     error // why there is no link
	changed  chan struct{}
	peeks    peekCache
	// Of endpoints that mirror: pushedMeta is the metadata as agentd told it, meta as it is about to be, mirrored as this hub wrote it last. stale: the mirror is
	// older than meta, for the reason unmirrored if one is known.
	pushedMeta, meta, mirrored map[string]string
	stale                      bool
	unmirrored                 error
}

func newSession(h *Hub, ep Endpoint, r Record) *session {
	s := &session{hub: h, name: r.Name, ep: ep, record: r, done: make(chan struct{}), kick: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancel(h.ctx)
	return s
}

// close ends the link for good and waits for that.
func (s *session) close() {
	s.cancel()
	<-s.done
}

func (s *session) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// settled says that nothing of the session depends on the hub any more.
func (s *session) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over && !s.stale
}

// update changes the session's fields and tells whoever waits.
func (s *session) update(f func()) {
	s.mu.Lock()
	f()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
	s.mu.Unlock()
	s.hub.somethingChanged()
}

// waiter gives a channel that closes at the next change. The caller holds mu.
func (s *session) waiter() <-chan struct{} {
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// proven reports whether what was pushed can be believed: it came over a link that gave a sign of life lately. The caller holds mu.
func (s *session) proven() bool {
	return s.conn != nil && s.seen && s.conn.Err() == nil && time.Since(s.conn.Heard()) < s.hub.options.Ping+s.hub.options.Ping/5
}

// snapshot gives the status as last told. The caller holds mu.
func (s *session) snapshot() wire.Status {
	status := s.status
	status.Stopping = status.Stopping || s.stopping || s.ep.Terminating()
	return status
}

// settle gives the session's status as it is now: as pushed while the link is proven live, else as asked for. It waits for a lost link until
// ctx ends, at most for the hub's patience, unless the session was told to end: then it does not run, whether anybody answers or not, and whatever this hub saw of it.
// Nor is one waited for that nothing can run in yet: an image may take minutes.
func (s *session) settle(ctx context.Context) (wire.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		s.mu.Lock()
		if s.gone {
			s.mu.Unlock()
			return wire.Status{}, noSession(s.name)
		}
		if s.over || s.foreign || s.proven() {
			defer s.mu.Unlock()
			return s.snapshot(), nil
		}
		conn, changed := s.conn, s.waiter()
		s.mu.Unlock()
		if s.ep.Terminating() {
			status := s.presumed(ctx)
			status.Stopping = true // also if it has just gone, which the link doesn't know yet
			return status, nil
		}
		if s.pending(ctx) {
			return wire.Status{State: wire.StateWaiting}, nil
		}
		if conn != nil {
			if status, err := s.ask(ctx, conn); err == nil {
				return status, nil
			}
		}
		if err := s.await(ctx, changed); err != nil {
			return wire.Status{}, err
		}
	}
}

// pending says that nothing can run in the session yet, and nobody but its backend can tell.
func (s *session) pending(ctx context.Context) bool {
	s.mu.Lock()
	untold := s.status.State == ""
	s.mu.Unlock()
	return untold && s.ep.Unlaunched(ctx)
}

// presumed gives the status of a session that does not answer, or need not: as last told, and where nothing was ever told, what the backend sees. Whatever was
// launched and hasn't ended is taken for running: left out of a list, its agent would be started anew, and its conversation lost.
func (s *session) presumed(ctx context.Context) wire.Status {
	s.mu.Lock()
	status := s.snapshot()
	s.mu.Unlock()
	if status.State != "" {
		return status
	}
	switch condition, err := s.ep.Inspect(ctx); {
	case err != nil: // then nothing is known of it
	case condition == Reachable, condition == Orphaned, condition == Foreign:
		status.State = wire.StateRunning
	case condition == Ended:
		status.State, status.Exit = wire.StateExited, s.ep.Exit(ctx)
	}
	return status
}

// confirm is settle for those who would do harm if what was pushed is late: a session that does not seem to run is asked.
func (s *session) confirm(ctx context.Context) (wire.Status, error) {
	status, err := s.settle(ctx)
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if err != nil || conn == nil || status.State == wire.StateRunning {
		return status, err
	}
	if asked, err := s.ask(ctx, conn); err == nil {
		return asked, nil
	}
	return status, nil
}

// ask puts the question for the state to agentd.
func (s *session) ask(ctx context.Context, conn *mux.Conn) (wire.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var reply wire.StateReply
	if err := conn.Call(ctx, mux.Request{Op: wire.OpState}, &reply); err != nil {
		return wire.Status{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	reply.Stopping = reply.Stopping || s.stopping || s.ep.Terminating()
	return reply.Status, nil
}

// await waits for a change, hurrying the link.
func (s *session) await(ctx context.Context, changed <-chan struct{}) error {
	select {
	case s.kick <- struct{}{}:
	default:
	}
	t := time.NewTimer(askTime) // a link that hangs changes nothing: it is asked again
	defer t.Stop()
	select {
	case <-changed:
		return nil
	case <-t.C:
		return nil
	case <-ctx.Done():
		return s.unanswered(ctx)
	}
}

// unanswered is the error of a caller whose time is up.
func (s *session) unanswered(ctx context.Context) error {
	if ctx.Err() == context.Canceled {
		return context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost != nil {
		return wire.Errorf(wire.CodeUnavailable, "session %q does not answer: %v", s.name, s.lost)
	}
	return wire.Errorf(wire.CodeUnavailable, "session %q does not answer", s.name)
}

// link gives the connection to agentd, waiting for it until ctx ends, at most for the hub's patience. An ended session gives wire.CodeNoSession, one
// without an agentd wire.CodeUnsupported.
func (s *session) link(ctx context.Context) (*mux.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.connected(ctx)
}

// connected is link without the bound.
func (s *session) connected(ctx context.Context) (*mux.Conn, error) {
	for {
		s.mu.Lock()
		conn, over, foreign, changed := s.conn, s.over, s.foreign, s.waiter()
		s.mu.Unlock()
		if foreign {
			return nil, wire.Errorf(wire.CodeUnsupported, "session %q has no agentd: %s", s.name, s.ep.Why(ctx))
		}
		if over {
			return nil, wire.Errorf(wire.CodeNoSession, "session %q has ended", s.name)
		}
		if conn != nil && conn.Err() == nil {
			return conn, nil
		}
		if err := s.await(ctx, changed); err != nil {
			return nil, err
		}
	}
}
