package hub

import (
	"context"
	"net"
	"sync"

	"github.com/gascity/agentd/agentd/wire/frames"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// Connect gives a connection to this hub within the process: the same protocol, without a socket. The caller closes it before the hub.
// Nobody makes another hub when this one leaves, so its backend had better never be stale.
func (h *Hub) Connect(ctx context.Context) (*mux.Conn, error) {
	l := h.inProcess()
	conn, _, err := frames.Dial(ctx, l.dial, h.log)
	return conn, err
}

// Attach opens a session's terminal (wire.OpAttach) on the session's own link, for a caller within this process: nothing of the hub then stands between the two.
func (h *Hub) Attach(ctx context.Context, r mux.Request) (*mux.Call, error) {
	s, err := h.find(ctx, r.Session)
	if err != nil {
		return nil, err
	}
	conn, err := s.link(ctx)
	if err != nil {
		return nil, err
	}
	return conn.Open(ctx, r)
}

// inProcess starts serving connections made within the process.
func (h *Hub) inProcess() *pipeListener {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pipe == nil {
		h.pipe = &pipeListener{accepted: make(chan net.Conn), closed: make(chan struct{})}
		if h.isLeaving() {
			_ = h.pipe.Close() // nobody else would; it can't fail
			return h.pipe
		}
		// The server's end tells nothing that the connections' ends don't.
		h.owned.Go(func() { _ = h.listen(h.pipe) })
	}
	return h.pipe
}

// pipeListener hands over one end of a pipe for each dial.
type pipeListener struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.accepted <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept gives the next connection.
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepted:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and dial.
func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is a name for logs.
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "in process" }
