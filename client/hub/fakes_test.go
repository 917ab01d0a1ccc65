package hub

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
)

// fakeBackend has the sessions that a test gives it: faults and moments that a real one has seldom.
type fakeBackend struct {
	// files are what a start copies; stale is what Stale says.
	files []Files
	stale atomic.Bool
	// create makes the session that Create gives; nil: one that launches whatever it is told.
	create func(ctx context.Context, spec Spec) (*fakeSession, error)

	t        *testing.T
	mu       sync.Mutex
	sessions map[string]*fakeSession
	scans    int
}

func newBackend(t *testing.T) *fakeBackend {
	return &fakeBackend{t: t, sessions: map[string]*fakeSession{}}
}

func (b *fakeBackend) Name() string                                     { return "fake" }
func (b *fakeBackend) Stale() bool                                      { return b.stale.Load() }
func (b *fakeBackend) Files(*wire.Start, *wire.Launch) ([]Files, error) { return b.files, nil }
func (b *fakeBackend) CheckImage(_ context.Context, q wire.CheckImage) error {
	if q.Image == "bad" && len(q.BaseEnv) == 1 {
		return wire.Errorf(wire.CodeFailed, "no such image")
	}
	return nil
}
func (b *fakeBackend) Adapt(*wire.Launch, *wire.Start) error { return nil }

func (b *fakeBackend) Scan(context.Context) ([]Endpoint, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.scans++
	var all []Endpoint
	for _, s := range b.sessions {
		all = append(all, s)
	}
	return all, nil
}

func (b *fakeBackend) Find(_ context.Context, name string) (Endpoint, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.sessions[name]; s != nil {
		return s, nil
	}
	return nil, nil
}

func (b *fakeBackend) Create(ctx context.Context, spec Spec) (Endpoint, error) {
	make := b.create
	if make == nil {
		make = func(_ context.Context, spec Spec) (*fakeSession, error) { return newFake(b.t, spec.Name), nil }
	}
	s, err := make(ctx, spec)
	if err != nil {
		return nil, err
	}
	s.record.City, s.record.Key, s.record.WorkDir = spec.City, spec.Key, spec.WorkDir
	b.add(s)
	return s, nil
}

func (b *fakeBackend) has(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sessions[name] != nil
}

// muffled is a connection whose other side may fall silent.
type muffled struct {
	net.Conn
	session *fakeSession
	once    sync.Once
	closed  chan struct{}
}

func (c *muffled) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.session.mu.Lock()
	silence := c.session.silence
	c.session.mu.Unlock()
	if silence != nil {
		select {
		case <-silence:
		case <-c.closed:
			return 0, net.ErrClosed
		}
	}
	return n, err
}

func (c *muffled) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
