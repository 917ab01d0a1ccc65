package hub

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/ws"
)

func (b *fakeBackend) add(s *fakeSession) *fakeSession {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.backend = b
	b.sessions[s.record.Name] = s
	return s
}

// fakeSession is an endpoint and the agentd behind it.
type fakeSession struct {
	t       *testing.T
	backend *fakeBackend
	record  Record
	pipe    *pipeListener
	server  *http.Server
	serving sync.WaitGroup
	// handlers answer before the ways of the fake do.
	handlers map[wire.Op]mux.Handler

	mu          sync.Mutex
	condition   Condition
	exit        *wire.Exit
	left        map[string]string
	log         string
	why         string
	revived     int
	removed     int
	dead        bool // what Remove was told last
	terminating bool
	unlaunched  bool
	launched    int
	refuses     error // what a dial gives
	revives     error // what Revive gives
	status      wire.Status
	text        string
	changed     chan struct{}
	asked       []mux.Request
	conns       map[*mux.Conn]struct{}
	meta        map[string]string // what a watch tells; nil: nothing
	mirrors     error             // what Mirror and ChangeMeta give
	complete    bool              // agentd left metadata itself
	lacks       []string          // keys of values that it had no room for
	doom        chan error        // what Doomed gives
	coming      chan struct{}     // not nil: agentd may be expected to answer once it is closed, and not before
	silence     chan struct{}     // not nil: nothing of what agentd sends arrives, until it is closed
}

var instances struct {
	sync.Mutex
	n int
}

func newFake(t *testing.T, name string) *fakeSession {
	instances.Lock()
	instances.n++
	instance := fmt.Sprint("instance-", instances.n)
	instances.Unlock()
	s := &fakeSession{
		t: t, record: Record{Name: name, Instance: instance, Audience: "fake/" + instance, Created: time.Now()},
		pipe:     &pipeListener{accepted: make(chan net.Conn), closed: make(chan struct{})},
		handlers: map[wire.Op]mux.Handler{},
		doom:     make(chan error, 1),
		left:     map[string]string{}, changed: make(chan struct{}), conns: map[*mux.Conn]struct{}{},
		status: wire.Status{State: wire.StateWaiting},
	}
	s.server = &http.Server{Handler: http.HandlerFunc(s.accept)}
	s.serving.Go(func() { _ = s.server.Serve(s.pipe) })
	t.Cleanup(func() {
		s.talk()
		s.server.Close()
		s.drop(wire.CloseShutdown)
		s.serving.Wait()
	})
	return s
}

// running makes it a session with an agent.
func (s *fakeSession) running(screen uint64, text string) *fakeSession {
	s.set(func() {
		s.status = wire.Status{State: wire.StateRunning, Screen: screen, Activity: time.Unix(1, 0).UTC()}
		s.text = text
	})
	return s
}

// set changes the session and tells its watchers.
func (s *fakeSession) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// quietly changes the session without a word to its watchers.
func (s *fakeSession) quietly(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *fakeSession) accept(w http.ResponseWriter, r *http.Request) {
	transport, err := ws.Upgrade(w, r)
	if err != nil {
		return
	}
	c := mux.Server(transport, s.handle, mux.Options{})
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	_ = c.Serve(context.Background())
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

func (s *fakeSession) handle(ctx context.Context, x *mux.Exchange) (any, error) {
	s.mu.Lock()
	s.asked = append(s.asked, mux.Request{Op: x.Op, Session: x.Session, Key: x.Key, Body: x.Body})
	handler := s.handlers[x.Op]
	s.mu.Unlock()
	if handler != nil {
		return handler(ctx, x)
	}
	switch x.Op {
	case wire.OpWatch:
		return s.watch(ctx, x)
	case wire.OpState:
		s.mu.Lock()
		defer s.mu.Unlock()
		return wire.StateReply{Status: s.status, Version: "fake"}, nil
	case wire.OpPeek:
		return s.peek(x)
	case wire.OpLaunch:
		s.running(1, "launched\n")
		return wire.Launched{Status: wire.Status{State: wire.StateRunning}}, nil
	case wire.OpPut, wire.OpNudge:
		_, err := io.Copy(io.Discard, x)
		return nil, err
	case wire.OpStop:
		go s.end(0)
		<-ctx.Done()
		return nil, nil
	default:
		return nil, nil
	}
}

func (s *fakeSession) watch(ctx context.Context, x *mux.Exchange) (any, error) {
	for {
		s.mu.Lock()
		event, changed := wire.Event{Status: s.status}, s.changed
		if s.meta != nil {
			event.Meta = &wire.MetaList{Meta: maps.Clone(s.meta)}
		}
		s.mu.Unlock()
		if err := x.Push(event); err != nil {
			return nil, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *fakeSession) peek(x *mux.Exchange) (any, error) {
	var q wire.Peek
	if err := x.Decode(&q); err != nil {
		return nil, err
	}
	s.mu.Lock()
	version, text := s.status.Screen, s.text
	s.mu.Unlock()
	if q.Have == version {
		return wire.PeekReply{Screen: version, Unchanged: true}, nil
	}
	_, err := io.WriteString(x, text)
	return wire.PeekReply{Screen: version}, err
}

// end is the agent's end, and agentd's.
func (s *fakeSession) end(status int) {
	s.set(func() {
		s.status.State, s.condition = wire.StateExited, Ended
		s.exit = &wire.Exit{Status: status, Time: time.Unix(2, 0).UTC()}
		s.refuses = fmt.Errorf("nobody listens")
	})
	s.drop(wire.CloseExited)
}

// drop ends all links.
func (s *fakeSession) drop(code int) {
	s.mu.Lock()
	conns := s.conns
	s.conns = map[*mux.Conn]struct{}{}
	s.mu.Unlock()
	for c := range conns {
		_ = c.Close(code, "")
	}
}

// count is how often agentd was asked for op.
func (s *fakeSession) count(op wire.Op) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, q := range s.asked {
		if q.Op == op {
			n++
		}
	}
	return n
}

// keys are those of the requests for op, in their order.
func (s *fakeSession) keys(op wire.Op) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for _, q := range s.asked {
		if q.Op == op {
			keys = append(keys, q.Key)
		}
	}
	return keys
}

// fallSilent holds back what agentd sends; talk lets it through.
func (s *fakeSession) fallSilent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silence = make(chan struct{})
}

func (s *fakeSession) talk() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silence != nil {
		close(s.silence)
		s.silence = nil
	}
}

func (s *fakeSession) Record() Record { return s.record }

func (s *fakeSession) Dial(ctx context.Context) (net.Conn, error) {
	s.mu.Lock()
	err := s.refuses
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	conn, err := s.pipe.dial(ctx)
	if err != nil {
		return nil, err
	}
	return &muffled{Conn: conn, session: s, closed: make(chan struct{})}, nil
}

func (s *fakeSession) Doomed(ctx context.Context, tell func(string)) error {
	coming := s.coming
	if coming == nil {
		tell("")
	}
	for {
		select {
		case <-coming:
			coming = nil
			tell("")
		case err := <-s.doom:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *fakeSession) Inspect(context.Context) (Condition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.condition, nil
}

func (s *fakeSession) Revive(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revived++
	if s.revives != nil {
		return s.revives
	}
	s.condition, s.refuses = Reachable, nil
	return nil
}

func (s *fakeSession) Launched(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.launched++
	return nil
}

func (s *fakeSession) Terminating() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.terminating
}

func (s *fakeSession) Unlaunched(context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unlaunched
}

func (s *fakeSession) Remove(_ context.Context, dead bool) error {
	s.mu.Lock()
	s.removed++
	s.dead = dead
	s.condition, s.refuses = Gone, fmt.Errorf("removed")
	s.mu.Unlock()
	s.drop(wire.CloseExited)
	s.backend.mu.Lock()
	defer s.backend.mu.Unlock()
	if s.backend.sessions[s.record.Name] == s {
		delete(s.backend.sessions, s.record.Name)
	}
	return nil
}

func (s *fakeSession) Log(_ context.Context, _ int, w io.Writer) error {
	_, err := io.WriteString(w, s.log)
	return err
}

func (s *fakeSession) Exit(context.Context) *wire.Exit { return s.exit }
func (s *fakeSession) Why(context.Context) string      { return s.why }
