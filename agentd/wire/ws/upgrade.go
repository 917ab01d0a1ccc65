package ws

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/gorilla/websocket"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// Upgrade makes a websocket of an HTTP request; what it refuses it has answered. A request with an Origin is a browser's and is refused: no page
// may drive an agent.
func Upgrade(w http.ResponseWriter, r *http.Request) (mux.Transport, error) {
	if r.Header.Get("Origin") != "" {
		http.Error(w, "browsers are not served", http.StatusForbidden)
		return nil, fmt.Errorf("upgrade: origin %q", r.Header.Get("Origin"))
	}
	if !slices.Contains(websocket.Subprotocols(r), wire.Subprotocol) {
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
	conn, err := u.Upgrade(w, r, http.Header{wire.VersionHeader: {wire.BuildVersion()}})
	if err != nil {
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	return newTransport(conn), nil
}
