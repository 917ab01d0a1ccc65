package ws_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/ws"
)

// serve hands each transport that is made to a server to each, and gives how to dial it.
func serve(t *testing.T, each func(mux.Transport)) func(context.Context) (net.Conn, error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		transport, err := ws.Upgrade(w, r)
		if err != nil {
			return
		}
		defer transport.Close()
		each(transport)
	}))
	t.Cleanup(server.Close)
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}
}

func TestUpgradeRefusesBrowsersAndStrangers(t *testing.T) {
	t.Parallel()
	dial := serve(t, func(mux.Transport) {})
	for name, c := range map[string]struct {
		protocols []string
		header    http.Header
		status    int
	}{
		"an origin":            {[]string{wire.Subprotocol}, http.Header{"Origin": {"http://localhost"}}, http.StatusForbidden},
		"no subprotocol":       {nil, nil, http.StatusBadRequest},
		"another subprotocol":  {[]string{"agentd.v99"}, nil, http.StatusBadRequest},
		"ours among the newer": {[]string{"agentd.v99", wire.Subprotocol}, nil, http.StatusSwitchingProtocols},
	} {
		d := websocket.Dialer{Subprotocols: c.protocols, NetDialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
		peer, response, err := d.DialContext(t.Context(), "ws://x"+ws.Path, c.header)
		if err == nil {
			peer.Close()
		}
		if response == nil || response.StatusCode != c.status {
			t.Errorf("%s: %v %v, want status %d", name, response, err, c.status)
		}
	}
}

func TestAPeerThatRefusesSaysWhy(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]wire.Code{
		http.StatusUnauthorized: wire.CodeForbidden, http.StatusForbidden: wire.CodeForbidden, http.StatusServiceUnavailable: wire.CodeUnavailable,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "for a reason", status) }))
		defer server.Close()
		_, _, err := ws.Dial(t.Context(), func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
		}, "token", mux.Options{})
		if wire.CodeOf(err) != want || !strings.Contains(err.Error(), http.StatusText(status)) {
			t.Errorf("status %d: %v", status, err)
		}
	}
}

func TestHowAConnectionEndsIsToldInTheWordsOfMux(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 100) // more than a control frame holds
	dial := serve(t, func(transport mux.Transport) {
		_, _, err := transport.Next()
		var closed *mux.CloseError
		if !errors.As(err, &closed) || closed.Code != wire.CloseShutdown || !strings.HasPrefix(long, closed.Text) || len(closed.Text) < 100 {
			t.Errorf("it ended with %v", err)
		}
	})
	c, version, err := ws.Dial(t.Context(), dial, "", mux.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if version != wire.BuildVersion() {
		t.Errorf("the peer's version is %q, want %q", version, wire.BuildVersion())
	}
	if err := c.Close(wire.CloseShutdown, long); err != nil {
		t.Error(err)
	}
}
