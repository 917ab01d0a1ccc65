package front

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/frames"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// scriptedHub answers requests with what a test says, over a real socket: faults of a hub can't be had from a real one on demand.
type scriptedHub struct {
	socket string
	answer mux.Handler

	mu       sync.Mutex
	requests []mux.Request
	conns    map[*mux.Conn]bool
	serving  sync.WaitGroup
}

func newHub(t *testing.T, answer mux.Handler) *scriptedHub {
	t.Helper()
	dir, err := os.MkdirTemp("", "front") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := &scriptedHub{socket: filepath.Join(dir, "s"), answer: answer, conns: map[*mux.Conn]bool{}}
	l, err := net.Listen("unix", h.socket)
	if err != nil {
		t.Fatal(err)
	}
	h.serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			h.serving.Go(func() { h.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		h.dropAll()
		h.serving.Wait()
	})
	return h
}

func (h *scriptedHub) serve(conn net.Conn) {
	defer conn.Close()
	transport, err := frames.Accept(context.Background(), conn)
	if err != nil {
		return
	}
	c := mux.Server(transport, func(ctx context.Context, x *mux.Exchange) (any, error) {
		h.mu.Lock()
		h.requests = append(h.requests, mux.Request{Op: x.Op, Session: x.Session, Key: x.Key, Body: x.Body})
		h.mu.Unlock()
		return h.answer(ctx, x)
	}, mux.Options{})
	h.mu.Lock()
	h.conns[c] = true
	h.mu.Unlock()
	_ = c.Serve(context.Background())
	h.mu.Lock()
	delete(h.conns, c)
	h.mu.Unlock()
}

// dropAll ends all connections, as a hub does that is killed.
func (h *scriptedHub) dropAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.conns {
		_ = c.Close(wire.CloseShutdown, "")
	}
}

func (h *scriptedHub) seen() []mux.Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]mux.Request(nil), h.requests...)
}

func (h *scriptedHub) connect(ctx context.Context) (*mux.Conn, error) {
	c, _, err := frames.Dial(ctx, func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", h.socket)
	}, nil)
	return c, err
}
