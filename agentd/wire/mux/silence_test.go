package mux_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/ws"
)

// held is a connection whose bytes can be held up.
type held struct {
	net.Conn
	mu    sync.Mutex
	flows chan struct{}
}

func (h *held) Write(p []byte) (int, error) {
	h.mu.Lock()
	flows := h.flows
	h.mu.Unlock()
	select {
	case <-flows:
		return h.Conn.Write(p)
	default:
		return len(p), nil // taken, and never delivered
	}
}

func TestAConnectionThatFallsSilentUnderARequestIsLostSoon(t *testing.T) {
	t.Parallel()
	const ping = 800 * time.Millisecond
	release := make(chan struct{})
	defer close(release)
	dial := serveHTTP(t, serving(func(ctx context.Context, x *mux.Exchange) (any, error) {
		if x.Op == "slow" {
			select {
			case <-release:
			// Longer than silence may last, and no multiple of ping: the answer to one that was sent just before the way is held would be a sign of life.
			case <-time.After(11 * ping / 4):
			case <-ctx.Done():
			}
		}
		return nil, nil
	}))
	way := &held{flows: make(chan struct{})}
	close(way.flows)
	c, _, err := ws.Dial(t.Context(), func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx)
		way.Conn = conn
		return way, err
	}, "", mux.Options{Ping: ping})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(wire.CloseNormal, "")
	if err := c.Call(t.Context(), mux.Request{Op: "slow"}, nil); err != nil {
		t.Fatalf("a peer that lives and takes its time: %v", err)
	}
	way.mu.Lock()
	way.flows = make(chan struct{})
	way.mu.Unlock()
	began := time.Now()
	err = c.Call(t.Context(), mux.Request{Op: "quick"}, nil)
	if !mux.Lost(err) || !strings.Contains(err.Error(), "no sign of life for") {
		t.Fatalf("a peer that is silent: %v", err)
	}
	if took := time.Since(began); took > 3*ping/2 {
		t.Errorf("it was noticed after %s, want %s", took, 3*ping/4)
	}
}
