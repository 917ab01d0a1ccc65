package mux_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/frames"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/ws"
)

// carrier connects to a server's end that is given to serve, which ends with the connection.
type carrier func(t *testing.T, serve func(mux.Transport)) *mux.Conn

func carriers() map[string]carrier {
	return map[string]carrier{"websocket": overWebsocket, "frames": overFrames}
}

// connector connects to h.
type connector func(t *testing.T, h mux.Handler) *mux.Conn

// overEach tests what must be so whatever carries the messages.
func overEach(t *testing.T, test func(t *testing.T, connect connector)) {
	t.Parallel()
	for name, over := range carriers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, func(t *testing.T, h mux.Handler) *mux.Conn { return over(t, serving(h)) })
		})
	}
}

// serving has h answer.
func serving(h mux.Handler) func(mux.Transport) {
	return func(transport mux.Transport) { _ = mux.Server(transport, h, mux.Options{}).Serve(context.Background()) }
}

func overWebsocket(t *testing.T, serve func(mux.Transport)) *mux.Conn {
	t.Helper()
	c, _, err := ws.Dial(t.Context(), serveHTTP(t, serve), "", mux.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(wire.CloseNormal, "") })
	return c
}

// serveHTTP has each websocket that is made to a unix socket served, and gives how to dial it.
func serveHTTP(t *testing.T, each func(mux.Transport)) func(context.Context) (net.Conn, error) {
	t.Helper()
	l, dial := listen(t)
	var serving sync.WaitGroup
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serving.Add(1)
		defer serving.Done()
		transport, err := ws.Upgrade(w, r)
		if err != nil {
			return
		}
		defer transport.Close()
		each(transport)
	})}
	serving.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { server.Close(); serving.Wait() })
	return dial
}

func overFrames(t *testing.T, serve func(mux.Transport)) *mux.Conn {
	t.Helper()
	l, dial := listen(t)
	var serving sync.WaitGroup
	serving.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		transport, err := frames.Accept(context.Background(), conn)
		if err != nil {
			t.Error(err)
			return
		}
		serve(transport)
	})
	c, version, err := frames.Dial(t.Context(), dial, nil)
	if err != nil {
		t.Fatal(err)
	}
	if version != wire.BuildVersion() {
		t.Errorf("the peer's version is %q, want %q", version, wire.BuildVersion())
	}
	t.Cleanup(func() { c.Close(wire.CloseNormal, ""); serving.Wait() })
	return c
}

// listen listens on a unix socket and gives how to dial it.
func listen(t *testing.T) (net.Listener, func(context.Context) (net.Conn, error)) {
	t.Helper()
	dir, err := os.MkdirTemp("", "mux") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); os.RemoveAll(dir) })
	return l, func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", socket) }
}
