package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/frames"
	"github.com/gascity/agentd/agentd/wire/mux"
)

const (
	// greetTime bounds what a client may take to say what it speaks.
	greetTime = 10 * time.Second
	// fullPause is how long a hub that may open no more files waits before it looks for the next client.
	fullPause = 100 * time.Millisecond
	// linger lets the answer to a connection's last call leave before the connection is closed.
	linger = 100 * time.Millisecond
)

func newKey() string { return rand.Text() }

// Serve answers clients on l, which it closes, until ctx ends, a client tells the hub to leave, or it has been idle for too long. It returns after the calls
// under way, when every client has been told why.
func (h *Hub) Serve(ctx context.Context, l net.Listener) error {
	var serving sync.WaitGroup
	failed := make(chan error, 1)
	serving.Go(func() { failed <- h.listen(l) })
	idle := time.NewTicker(max(h.options.Idle/30, 10*time.Millisecond))
	defer idle.Stop()
	if h.options.Idle == 0 {
		idle.Stop()
	}
	var err error
wait:
	for {
		select {
		case <-ctx.Done():
			h.leave(wire.CloseShutdown)
		case <-idle.C:
			if h.isIdle() {
				h.log.Info("leaving: neither clients nor sessions", "for", h.options.Idle)
				h.leave(wire.CloseShutdown)
			}
		case <-h.leaving:
			break wait
		case err = <-failed:
			h.leave(wire.CloseShutdown)
			break wait
		}
	}
	l.Close()
	close(h.deaf)
	h.drain()
	serving.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// leave makes the hub leave; clients are told code. Only the first call counts.
func (h *Hub) leave(code int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.leaving:
	default:
		h.code = code
		close(h.leaving)
	}
}

func (h *Hub) isIdle() bool {
	if h.options.Idle == 0 {
		return false
	}
	live := 0
	for _, s := range h.all() {
		if !s.settled() {
			live++
		}
	}
	spooled := h.spooled()
	h.mu.Lock()
	defer h.mu.Unlock()
	if live+len(h.clients)+len(h.starting) > 0 || spooled {
		h.busy = time.Now()
	}
	return time.Since(h.busy) >= h.options.Idle
}

// client is one connection of a client.
type client struct {
	hub  *Hub
	conn *mux.Conn

	mu    sync.Mutex
	calls int           // not answered yet, streams without end not counted
	quiet chan struct{} // closed when calls falls to 0 while someone waits for it
}

// listen serves each client that l brings, until l is closed, and returns when all have gone. Those that have not greeted by then are sent away.
func (h *Hub) listen(l net.Listener) error {
	var clients sync.WaitGroup
	defer clients.Wait()
	listening, end := context.WithCancel(h.ctx)
	defer end()
	full := false
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			full = false
			clients.Go(func() { h.accept(listening, conn) })
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			if !full {
				h.log.Warn("no client can be served just now", "error", err)
			}
			full = true
			_ = sleep(h.ctx, fullPause) // the hub's end closes l
		default:
			return fmt.Errorf("accept clients: %w", err)
		}
	}
}

// accept serves one client until its connection ends. It has until the end of ctx to greet.
func (h *Hub) accept(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	if h.backend.Stale() {
		h.log.Info("leaving: the place this hub was started for is called something else now")
		h.leave(wire.CloseReplaced)
	}
	greeting, cancel := context.WithTimeout(ctx, greetTime)
	transport, err := frames.Accept(greeting, conn)
	cancel()
	if err != nil {
		h.log.Debug("client refused", "error", err)
		return
	}
	c := &client{hub: h}
	c.conn = mux.Server(transport, c.handle, mux.Options{Logger: h.log})
	if !h.admit(c) {
		// Not left to wait for an answer that won't come: the client finds the next hub.
		_ = c.conn.Close(h.code, "the hub is leaving")
		return
	}
	defer h.dismiss(c)
	err = c.conn.Serve(h.ctx)
	h.log.Debug("client left", "error", err)
}

// admit counts the client in, unless the hub is leaving.
func (h *Hub) admit(c *client) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.isLeaving() {
		return false
	}
	h.serving.Add(1) // under mu: Close has not begun to wait
	h.clients[c] = struct{}{}
	return true
}

func (h *Hub) isLeaving() bool {
	select {
	case <-h.leaving:
		return true
	default:
		return false
	}
}

func (h *Hub) dismiss(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c)
	h.busy = time.Now()
	h.serving.Done()
}

// endless reports operations that go on until someone ends them: a leaving hub cuts them short, and clients take them up again elsewhere.
func endless(op wire.Op) bool {
	switch op {
	case wire.OpAttach, wire.OpWatch, wire.OpWatchList, wire.OpOutput, wire.OpEventsWatch:
		return true
	}
	return false
}

// handle answers one exchange.
func (c *client) handle(ctx context.Context, x *mux.Exchange) (any, error) {
	if !endless(x.Op) {
		c.begin()
		x.Then(c.end) // not sooner: who is not under way is sent away
	}
	c.hub.requests.Add(1)
	return c.hub.answer(ctx, x)
}

func (c *client) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
}

func (c *client) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls--; c.calls == 0 && c.quiet != nil {
		close(c.quiet)
		c.quiet = nil
	}
}

// drain ends every connection: at once where no call is under way, else when the calls are answered, at the latest after drainTime.
func (h *Hub) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	h.mu.Lock()
	if h.pipe != nil {
		_ = h.pipe.Close() // it can't fail
	}
	clients := slices.Collect(maps.Keys(h.clients))
	h.mu.Unlock()
	var draining sync.WaitGroup
	for _, c := range clients {
		draining.Go(func() { c.drain(ctx) })
	}
	draining.Wait()
}

func (c *client) drain(ctx context.Context) {
	c.mu.Lock()
	busy := c.calls > 0
	if busy && c.quiet == nil {
		c.quiet = make(chan struct{})
	}
	quiet := c.quiet
	c.mu.Unlock()
	if busy {
		select {
		case <-quiet:
			answered, cancel := context.WithTimeout(ctx, linger)
			defer cancel()
			ctx = answered
			select {
			case <-ctx.Done():
			case <-c.conn.Done():
			}
		case <-c.conn.Done():
		case <-ctx.Done():
		}
	}
	// A client that has left doesn't need telling.
	_ = c.conn.Close(c.hub.code, "the hub is leaving")
}
