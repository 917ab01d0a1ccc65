package hub

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

const (
	// defaultPing is how often a link is asked for a sign of life. Load balancers cut what is idle for 30 s.
	defaultPing = 10 * time.Second
	// patience is how long a caller who sets no bound waits for a session that does not answer. gc gives an operation 30 s.
	patience = 20 * time.Second
	// drainTime is how long calls under way may take once the hub leaves.
	drainTime = 5 * time.Second
)

// Options of a hub. Token must be set; the rest may be zero.
type Options struct {
	// Token mints a token for the session with that audience.
	Token func(audience string) (string, error)
	// Logger is the hub's own log; nil means none.
	Logger *slog.Logger
	// Ping is how often links are proven live; 0 means 10 s.
	Ping time.Duration
	// Idle is how long Serve goes on without clients, sessions and events to deliver; 0 means for ever.
	Idle time.Duration
	// Socket and Log are told by OpHubStatus.
	Socket string
	Log    string
}

// Hub serves sessions of one backend. Close ends it.
type Hub struct {
	backend Backend
	options Options
	log     *slog.Logger
	started time.Time

	ctx      context.Context // the life of links
	cancel   context.CancelFunc
	owned    sync.WaitGroup // links, and clients within the process
	serving  sync.WaitGroup // clients
	names    nameLocks
	packing  chan struct{} // holds one for each start that packs ahead
	requests atomic.Uint64
	pipe     *pipeListener // set by the first Connect
	eventLog eventLog

	mu       sync.Mutex
	sessions map[string]*session
	starting map[*starting]context.CancelCauseFunc // starts, under way or waiting for their turn
	clients  map[*client]struct{}
	busy     time.Time     // when there last was a client or a live session
	changed  chan struct{} // closed at the next change of any session; nil while nobody waits
	leaving  chan struct{} // closed when the hub was told to leave
	code     int           // the close code that says why; set before leaving is closed
	deaf     chan struct{} // closed when Serve no longer listens
}

// New makes a hub that knows no session yet: it looks for what it is asked for.
func New(b Backend, o Options) *Hub {
	if o.Ping == 0 {
		o.Ping = defaultPing
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Hub{
		backend: b, options: o, log: o.Logger, started: time.Now(), busy: time.Now(),
		names:    nameLocks{held: map[string]*nameLock{}},
		packing:  make(chan struct{}, packingAhead),
		sessions: map[string]*session{},
		starting: map[*starting]context.CancelCauseFunc{},
		clients:  map[*client]struct{}{},
		leaving:  make(chan struct{}),
		deaf:     make(chan struct{}),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// Close ends the hub: calls under way get a moment, and so do agents' last words that are kept nowhere else; then connections and links are closed. Sessions live
// on. Serve has returned before.
func (h *Hub) Close() {
	h.leave(wire.CloseShutdown)
	h.drain()
	h.serving.Wait() // a stop goes on without its caller, and needs its link
	h.awaitMirrors()
	h.cancel()
	h.owned.Wait()
}

// adoptAll finds all sessions and opens a link to each. What an interrupted start left is removed. It is cheap when nothing came or went.
func (h *Hub) adoptAll(ctx context.Context) error {
	endpoints, err := h.backend.Scan(ctx)
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(endpoints))
	for _, ep := range endpoints {
		there[h.adopt(ep).name] = true
	}
	for _, s := range h.all() {
		// Of a live session its link tells when it goes.
		if !there[s.name] && s.isOver() {
			h.forget(s)
		}
	}
	return nil
}

// adopt gives the session of an endpoint, and makes it when it is new. An older instance of the name is forgotten.
func (h *Hub) adopt(ep Endpoint) *session {
	record := ep.Record()
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.sessions[record.Name]; s != nil {
		if s.record.Instance == record.Instance {
			return s
		}
		s.cancel()
	}
	s := newSession(h, ep, record)
	h.sessions[record.Name] = s
	h.notify()
	h.owned.Go(func() { s.run(s.ctx) })
	return s
}

// forget drops a session, unless its name belongs to a later one by now.
func (h *Hub) forget(s *session) {
	s.cancel()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sessions[s.name] == s {
		delete(h.sessions, s.name)
		h.notify()
	}
}

// lookup gives the session of that name, nil when there is none. A session may have been made, removed or replaced by a hub within another
// process, so unless a link vouches for it the backend is asked.
func (h *Hub) lookup(ctx context.Context, name string) (*session, error) {
	h.mu.Lock()
	s := h.sessions[name]
	h.mu.Unlock()
	if s != nil && !s.isOver() {
		return s, nil
	}
	ep, err := h.backend.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	if ep == nil {
		if s != nil {
			h.forget(s)
		}
		return nil, nil
	}
	return h.adopt(ep), nil
}

// find is lookup for operations that need a session.
func (h *Hub) find(ctx context.Context, name string) (*session, error) {
	s, err := h.lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, noSession(name)
	}
	return s, nil
}

func noSession(name string) error { return wire.Errorf(wire.CodeNoSession, "no session %q", name) }

// notify tells whoever watches the list that something changed. The caller holds mu.
func (h *Hub) notify() {
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}

// somethingChanged is notify for those who don't hold mu.
func (h *Hub) somethingChanged() {
	h.mu.Lock()
	h.notify()
	h.mu.Unlock()
}

// change gives a channel that closes at the next change of any session.
func (h *Hub) change() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.changed == nil {
		h.changed = make(chan struct{})
	}
	return h.changed
}

// all gives the sessions known.
func (h *Hub) all() []*session {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Values(h.sessions))
}

// errStopped is why a start is cancelled by a stop.
var errStopped = errors.New("the session was stopped while it started")
