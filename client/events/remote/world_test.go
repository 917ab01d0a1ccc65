package remote

import (
	"context"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/hub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a log that forgets, and has faults on demand. A test sets its hooks before it is used.
type memory struct {
	// stored is called after an event was stored and before that is told; failing before anything is done.
	stored  func()
	failing func() error

	mu      sync.Mutex
	list    []events.Event
	marks   map[string]uint64
	changed chan struct{}
	ensured int
	records []events.Record
}

func newMemory() *memory { return &memory{marks: map[string]uint64{}, changed: make(chan struct{})} }

func (m *memory) fault() error {
	if m.failing == nil {
		return nil
	}
	return m.failing()
}

func (m *memory) Ensure(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ensured++
	return nil
}

func (m *memory) Record(_ context.Context, r events.Record) (events.Recorded, error) {
	if err := m.fault(); err != nil {
		return events.Recorded{}, err
	}
	if r.Spool {
		return events.Recorded{Spooled: true}, nil
	}
	m.mu.Lock()
	m.records = append(m.records, r)
	seq := uint64(len(m.list)) + 1
	if known := m.marks[r.Mark]; known != 0 {
		m.mu.Unlock()
		return events.Recorded{Seq: known}, nil
	}
	m.mu.Unlock()
	if err := r.Reserved(seq); err != nil {
		return events.Recorded{}, err
	}
	e, err := events.Parse(events.Number(r.Event, seq))
	if err != nil {
		return events.Recorded{}, err
	}
	m.mu.Lock()
	m.list, m.marks[r.Mark] = append(m.list, e), seq
	close(m.changed)
	m.changed = make(chan struct{})
	m.mu.Unlock()
	if m.stored != nil {
		m.stored()
	}
	return events.Recorded{Seq: seq}, nil
}

func (m *memory) after(seq uint64) ([]events.Event, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.list[min(seq, uint64(len(m.list))):], m.changed
}

func (m *memory) List(_ context.Context, f events.Filter, limit int) ([]events.Event, error) {
	if err := m.fault(); err != nil {
		return nil, err
	}
	var list []events.Event
	all, _ := m.after(0)
	for _, e := range all {
		if f.Match(e) {
			list = append(list, e)
		}
	}
	if limit > 0 {
		list = list[max(0, len(list)-limit):]
	}
	return list, nil
}

func (m *memory) Latest(context.Context) (uint64, error) {
	all, _ := m.after(0)
	return uint64(len(all)), m.fault()
}

func (m *memory) Watch(ctx context.Context, after uint64, each func(events.Event) error) error {
	for {
		if err := m.fault(); err != nil {
			return err
		}
		news, changed := m.after(after)
		for _, e := range news {
			if err := each(e); err != nil {
				return err
			}
			after = e.Seq
		}
		if len(news) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *memory) Prune(_ context.Context, p events.Prune) (int, error) {
	p.Deleted(1)
	if m.stored != nil {
		m.stored()
	}
	p.Deleted(2)
	return p.Keep, nil
}

// backend is one without sessions.
type backend struct {
	hub.Backend
	log *memory
}

func (b backend) Name() string                                 { return "test" }
func (b backend) Stale() bool                                  { return false }
func (b backend) Scan(context.Context) ([]hub.Endpoint, error) { return nil, nil }
func (b backend) Events() (events.Log, error)                  { return b.log, nil }
func (b backend) Spooled() bool                                { return false }

// world is a hub, and a link to it that can be lost.
type world struct {
	t   *testing.T
	hub *hub.Hub

	mu    sync.Mutex
	conn  *mux.Conn
	dials int
}

func newWorld(t *testing.T, log *memory) (*world, *Log) {
	t.Helper()
	w := &world{t: t, hub: hub.New(backend{log: log}, hub.Options{})}
	t.Cleanup(func() {
		w.lose()
		w.hub.Close()
	})
	return w, New(w)
}

// lose ends the connection, as a hub that is killed does.
func (w *world) lose() {
	w.mu.Lock()
	conn := w.conn
	w.conn = nil
	w.mu.Unlock()
	if conn != nil {
		_ = conn.Close(wire.CloseNormal, "")
	}
}

func (w *world) connect(ctx context.Context) (*mux.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		return w.conn, nil
	}
	conn, err := w.hub.Connect(ctx)
	w.conn = conn
	w.dials++
	return conn, err
}

// Do is what connect.Client does, at most three times.
func (w *world) Do(ctx context.Context, _ string, safe bool, f func(context.Context, *mux.Conn) error) error {
	for attempt := 1; ; attempt++ {
		conn, err := w.connect(ctx)
		if err != nil {
			return err
		}
		err = f(ctx, conn)
		if !mux.Lost(err) || !safe || attempt == 3 {
			return err
		}
	}
}
