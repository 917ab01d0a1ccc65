package server

import (
	"context"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// link is one admitted connection.
type link struct {
	server  *Server
	conn    *mux.Conn
	role    wire.Role
	version string // the peer's build

	mu       sync.Mutex
	watchers map[*watcher]struct{}
}

// operation is one entry of the dispatch table.
type operation struct {
	// role is the least that the caller must be.
	role wire.Role
	// changes: the operation may change what a watch pushes. The connection's watches learn of the change before the caller gets the result, so that
	// whoever keeps a copy of pushed state on this connection reads its own writes.
	changes bool
	run     func(l *link, ctx context.Context, x *mux.Exchange) (any, error)
}

// handle answers one request.
func (l *link) handle(ctx context.Context, x *mux.Exchange) (any, error) {
	s := l.server
	if !s.enter(ctx) {
		return nil, s.leaving()
	}
	started := time.Now()
	op, known := s.ops[x.Op]
	name := string(x.Op)
	if !known {
		name = "unknown"
	}
	reply, err := l.dispatch(ctx, op, known, x)
	s.observer.Request(name, wire.CodeOf(err), time.Since(started))
	if wire.CodeOf(err) == wire.CodeInternal {
		s.log.Error("request failed", "op", x.Op, "error", err)
	}
	return reply, err
}

func (l *link) dispatch(ctx context.Context, op operation, known bool, x *mux.Exchange) (any, error) {
	switch {
	case !known:
		return nil, wire.Errorf(wire.CodeUnknownOp, "unknown operation %q", x.Op)
	case op.role == wire.RoleOperator && l.role != wire.RoleOperator:
		return nil, wire.Errorf(wire.CodeForbidden, "%s needs an operator's token, this is a %s's", x.Op, l.role)
	case len(x.Key) > maxKey:
		return nil, wire.Errorf(wire.CodeTooLarge, "%s: key of %d bytes, limit %d", x.Op, len(x.Key), maxKey)
	}
	reply, err := op.run(l, ctx, x)
	if op.changes {
		l.tellWatchers()
	}
	return reply, err
}

// leaving is the answer to a request that comes too late.
func (s *Server) leaving() error {
	if s.session.Status().State == wire.StateExited {
		return wire.Errorf(wire.CodeNoSession, "the session has ended")
	}
	return wire.Errorf(wire.CodeUnavailable, "agentd is leaving")
}

// enter counts a request in, until it has been answered: mux ends a request's ctx when the result is sent.
func (s *Server) enter(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	s.exchanges.Add(1)
	context.AfterFunc(ctx, s.exchanges.Done)
	return true
}
