// Package ws carries the messages of package mux in websockets (RFC 6455), which pass through whatever passes HTTP on. Where both ends are on one machine, package
// frames does the same for less.
package ws

import (
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

const (
	// readBuffer is the size of a connection's read buffer, in bytes. Messages larger than it are read straight into their own memory.
	readBuffer = 4 << 10
	// writeBuffer holds a whole chunk: a message that is larger than the buffer goes out as many frames, each written by itself, and each costs every program on the
	// way to a pod as much as a whole chunk does.
	writeBuffer = wire.MaxChunk + 4<<10
	// handshakeTimeout bounds the handshake where ctx does not.
	handshakeTimeout = 10 * time.Second
)

// writeBuffers lets idle connections share their write buffers.
var writeBuffers = &sync.Pool{}

// transport is a mux.Transport, and a mux.Prober.
type transport struct{ *websocket.Conn }

func newTransport(conn *websocket.Conn) transport {
	conn.SetReadLimit(wire.MaxMessage)
	return transport{conn}
}

// Next gives the next message.
func (t transport) Next() (mux.Kind, io.Reader, error) {
	kind, r, err := t.NextReader()
	if err != nil {
		return 0, nil, reason(err)
	}
	if kind == websocket.BinaryMessage {
		return mux.Chunk, message{r}, nil
	}
	return mux.Envelope, message{r}, nil
}

// message is one that comes in.
type message struct{ r io.Reader }

func (m message) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err != nil && err != io.EOF {
		err = reason(err)
	}
	return n, err
}

// reason says in mux's words why nothing more comes.
func reason(err error) error {
	var closed *websocket.CloseError
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return mux.ErrTooBig
	case errors.As(err, &closed) && closed.Code == websocket.CloseAbnormalClosure:
		return io.ErrUnexpectedEOF
	case errors.As(err, &closed):
		return &mux.CloseError{Code: closed.Code, Text: closed.Text}
	}
	return err
}

// Write sends a message.
func (t transport) Write(kind mux.Kind, message []byte) error {
	if kind == mux.Chunk {
		return t.WriteMessage(websocket.BinaryMessage, message)
	}
	return t.WriteMessage(websocket.TextMessage, message)
}

// maxReason bounds the text of a goodbye, in bytes: a control frame holds 125, 2 of them the code.
const maxReason = 123

// Goodbye sends the close message.
func (t transport) Goodbye(code int, text string, deadline time.Time) error {
	text = strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
	err := t.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), deadline)
	if errors.Is(err, websocket.ErrCloseSent) {
		return nil // the peer was faster, and has had its answer
	}
	return err
}

// Ping asks for a sign of life.
func (t transport) Ping(deadline time.Time) error {
	return t.WriteControl(websocket.PingMessage, nil, deadline)
}

// OnSign has f called at each sign of life that isn't a message.
func (t transport) OnSign(f func()) {
	t.SetPongHandler(func(string) error { f(); return nil })
	answer := t.PingHandler()
	t.SetPingHandler(func(data string) error { f(); return answer(data) })
}
