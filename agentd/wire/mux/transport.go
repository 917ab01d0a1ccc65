package mux

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Kind says what a message holds.
type Kind int

// The kinds of messages.
const (
	// Envelope is a wire.Envelope as JSON.
	Envelope Kind = iota
	// Chunk holds bytes of a stream, behind their exchange's id.
	Chunk
)

// Transport carries messages, whole and in their order, between two ends. One goroutine calls Next, and one at a time Write and SetWriteDeadline; the others may be
// called beside any.
type Transport interface {
	// Next waits for the peer's next message, to be read before Next is called again. A peer that ended the connection with a reason gives a *CloseError, here or in
	// the reader, a message over wire.MaxMessage ErrTooBig, and what is none ErrMalformed.
	Next() (Kind, io.Reader, error)
	// Write sends a message.
	Write(kind Kind, message []byte) error
	// Goodbye tells the peer why the connection ends, if that can be written by deadline. It goes before those who wait to write.
	Goodbye(code int, text string, deadline time.Time) error
	// SetWriteDeadline bounds what is written.
	SetWriteDeadline(time.Time) error
	// Close ends the connection as it is, also under whoever reads or writes.
	Close() error
}

// Prober is a Transport whose peer can be asked for a sign of life. Options.Ping needs one.
type Prober interface {
	// Ping asks for one. It may be called beside the methods that write, and waits for them until deadline.
	Ping(deadline time.Time) error
	// OnSign has f called by Next when the peer asks or answers.
	OnSign(f func())
	// SetReadDeadline bounds the wait for the peer.
	SetReadDeadline(time.Time) error
}

var (
	// ErrTooBig is that of a peer's message over wire.MaxMessage.
	ErrTooBig = errors.New("message over the limit")
	// ErrMalformed is that of what a peer sent in a message's place.
	ErrMalformed = errors.New("no message")
)

// CloseError says with which code and words the peer ended the connection.
type CloseError struct {
	Code int
	Text string
}

// Error gives both.
func (e *CloseError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("the peer closed the connection (%d)", e.Code)
	}
	return fmt.Sprintf("the peer closed the connection (%d: %s)", e.Code, e.Text)
}

// CloseCode gives the code with which the peer ended the connection that err tells of, 0 if it sent none.
func CloseCode(err error) int {
	var e *CloseError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}
