package ws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// Path is where the websocket is served.
const Path = "/v1"

// Dial makes the client's end over a connection that dial opens. The token, if any, goes into the upgrade request, so that authentication costs no round
// trip. It gives the peer's build version as well. A refused token gives wire.CodeForbidden, a peer that shares no protocol with this build wire.CodeUnavailable.
func Dial(ctx context.Context, dial func(context.Context) (net.Conn, error), token string, o mux.Options) (*mux.Conn, string, error) {
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
	conn, response, err := d.DialContext(ctx, "ws://agentd"+Path, header)
	if err != nil {
		return nil, "", dialError(err, response)
	}
	version := response.Header.Get(wire.VersionHeader)
	if conn.Subprotocol() != wire.Subprotocol {
		conn.Close()
		return nil, version, wire.Errorf(wire.CodeUnavailable, "peer (version %q) does not speak %s", version, wire.Subprotocol)
	}
	return mux.Client(newTransport(conn), o), version, nil
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
