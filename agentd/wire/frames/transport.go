// Package frames carries the messages of package mux between two processes of one machine, over a unix socket or a pipe. It does what package ws does without HTTP:
// a front, which lives for four milliseconds, spent one of them on loading that and on its handshake.
//
// Each end first says a line, which agrees on the protocol. What follows are frames: a byte that says what it holds, four bytes with its length, big endian, and that
// many bytes.
package frames

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// What a frame holds, by the numbers that RFC 6455 gives the same.
const (
	frameEnvelope = 1
	frameChunk    = 2
	frameGoodbye  = 8 // two bytes of code, big endian, and a text
)

const (
	// headerSize is that of a frame's kind and length, in bytes.
	headerSize = 5
	// readBuffer is the size of a connection's read buffer, in bytes. Messages larger than it are read straight into their own memory.
	readBuffer = 4 << 10
	// maxReason bounds a goodbye's text, in bytes.
	maxReason = 1 << 10
)

// transport is a mux.Transport.
type transport struct {
	conn net.Conn
	in   *bufio.Reader
	left int // bytes of the message that comes in

	writing chan struct{} // holds one token: whoever took it may write
	out     [headerSize]byte
}

// Next gives the next message.
func (t *transport) Next() (mux.Kind, io.Reader, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(t.in, header[:]); err != nil {
		return 0, nil, cut(err)
	}
	size := int64(binary.BigEndian.Uint32(header[1:]))
	if size > wire.MaxMessage {
		return 0, nil, mux.ErrTooBig
	}
	t.left = int(size)
	switch header[0] {
	case frameEnvelope:
		return mux.Envelope, (*message)(t), nil
	case frameChunk:
		return mux.Chunk, (*message)(t), nil
	case frameGoodbye:
		return 0, nil, t.readGoodbye()
	default:
		return 0, nil, fmt.Errorf("%w: frame of unknown kind %d", mux.ErrMalformed, header[0])
	}
}

// cut makes the end of a connection the fault that it is for whoever waits for more.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// message reads the one that comes in.
type message transport

func (m *message) Read(p []byte) (int, error) {
	if m.left == 0 {
		return 0, io.EOF
	}
	n, err := m.in.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, cut(err)
}

func (t *transport) readGoodbye() error {
	if t.left < 2 || t.left > 2+maxReason {
		return fmt.Errorf("%w: goodbye of %d bytes", mux.ErrMalformed, t.left)
	}
	b := make([]byte, t.left)
	if _, err := io.ReadFull(t.in, b); err != nil {
		return cut(err)
	}
	return &mux.CloseError{Code: int(binary.BigEndian.Uint16(b)), Text: string(b[2:])}
}

// Write sends a message.
func (t *transport) Write(kind mux.Kind, message []byte) error {
	<-t.writing
	defer func() { t.writing <- struct{}{} }()
	if kind == mux.Chunk {
		return t.write(frameChunk, message)
	}
	return t.write(frameEnvelope, message)
}

func (t *transport) write(kind byte, message []byte) error {
	t.out[0] = kind
	binary.BigEndian.PutUint32(t.out[1:], uint32(len(message))) // at most wire.MaxMessage
	whole := net.Buffers{t.out[:], message}                     // one system call
	_, err := whole.WriteTo(t.conn)
	return err
}

// Goodbye tells the peer why the connection ends.
func (t *transport) Goodbye(code int, text string, deadline time.Time) error {
	late := time.NewTimer(time.Until(deadline))
	defer late.Stop()
	select {
	case <-t.writing:
	case <-late.C:
		return os.ErrDeadlineExceeded
	}
	defer func() { t.writing <- struct{}{} }()
	if err := t.SetWriteDeadline(deadline); err != nil {
		return err
	}
	text = strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
	return t.write(frameGoodbye, append(binary.BigEndian.AppendUint16(nil, uint16(code)), text...))
}

// SetWriteDeadline bounds what is written.
func (t *transport) SetWriteDeadline(at time.Time) error { return t.conn.SetWriteDeadline(at) }

// Close ends the connection.
func (t *transport) Close() error { return t.conn.Close() }
