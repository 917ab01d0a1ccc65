package mux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gascity/agentd/agentd/wire"
)

// Path is where the websocket is served.
const Path = "/v1"

// handshakeTimeout bounds the websocket handshake where ctx does not.
const handshakeTimeout = 10 * time.Second

const (
	// readBuffer is the size of a connection's read buffer, in bytes. Messages larger than it are read straight into their own memory.
	readBuffer = 4 << 10
	// writeBuffer holds a whole chunk: a message that is larger than the buffer goes out as many frames, each written by itself, and each costs every program on the
	// way to a pod as much as a whole chunk does.
	writeBuffer = wire.MaxChunk + 4<<10
)

// Dial makes the client's end over a connection that dial opens. The token, if any, goes into the upgrade request, so that authentication costs no round
// trip. It gives the peer's build version as well. A refused token gives wire.CodeForbidden, a peer that shares no protocol with this build wire.CodeUnavailable.
func Dial(ctx context.Context, dial func(context.Context) (net.Conn, error), token string, o Options) (*Conn, string, error) {
	d := websocket.Dialer{
		NetDialContext:   func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		HandshakeTimeout: handshakeTimeout,
		Subprotocols:     []string{wire.Subprotocol},
		ReadBufferSize:   readBuffer,
		WriteBufferSize:  writeBuffer,
		WriteBufferPool:  writeBuffers,
	}
	header := http.Header{wire.VersionHeader: {wire.BuildVersion()}}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	ws, response, err := d.DialContext(ctx, "ws://agentd"+Path, header)
	if err != nil {
		return nil, "", dialError(err, response)
	}
	version := response.Header.Get(wire.VersionHeader)
	if ws.Subprotocol() != wire.Subprotocol {
		ws.Close()
		return nil, version, wire.Errorf(wire.CodeUnavailable, "peer (version %q) does not speak %s", version, wire.Subprotocol)
	}
	return Client(ws, o), version, nil
}

func dialError(err error, response *http.Response) error {
	if !errors.Is(err, websocket.ErrBadHandshake) || response == nil {
		return fmt.Errorf("connect: %w", err)
	}
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return wire.Errorf(wire.CodeForbidden, "connect: refused: %s", response.Status)
	}
	text, _ := io.ReadAll(io.LimitReader(response.Body, 512))
	return wire.Errorf(wire.CodeUnavailable, "connect: %s: %s", response.Status, strings.TrimSpace(string(text)))
}

// Upgrade makes a websocket of an HTTP request; what it refuses it has answered. A request with an Origin is a browser's and is refused: no page
// may drive an agent.
func Upgrade(w http.ResponseWriter, r *http.Request) (*websocket.Conn, error) {
	if r.Header.Get("Origin") != "" {
		http.Error(w, "browsers are not served", http.StatusForbidden)
		return nil, fmt.Errorf("upgrade: origin %q", r.Header.Get("Origin"))
	}
	if !speaks(r) {
		http.Error(w, "this server speaks "+wire.Subprotocol, http.StatusBadRequest)
		return nil, fmt.Errorf("upgrade: client offers %q", websocket.Subprotocols(r))
	}
	u := websocket.Upgrader{
		HandshakeTimeout: handshakeTimeout,
		Subprotocols:     []string{wire.Subprotocol},
		ReadBufferSize:   readBuffer,
		WriteBufferSize:  writeBuffer,
		WriteBufferPool:  writeBuffers,
		CheckOrigin:      func(*http.Request) bool { return true }, // judged above
	}
	ws, err := u.Upgrade(w, r, http.Header{wire.VersionHeader: {wire.BuildVersion()}})
	if err != nil {
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	return ws, nil
}

// writeBuffers lets idle connections share their write buffers.
var writeBuffers = &sync.Pool{}

func speaks(r *http.Request) bool {
	for _, p := range websocket.Subprotocols(r) {
		if p == wire.Subprotocol {
			return true
		}
	}
	return false
}
