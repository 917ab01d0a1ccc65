package mux

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/gascity/agentd/agentd/wire"
)

// maxPushes bounds the pushes that wait for a reader at one exchange, so that a peer can't fill our memory. Senders coalesce: a watch is
// at most a few pushes ahead.
const maxPushes = 1024

// stream is one exchange as both ends see it: bytes in and out with credit, pushes, and (client) the result.
type stream struct {
	conn   *Conn
	id     uint32
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	received queue // not yet read
	window   int64 // how much the peer was told it may have outstanding
	allowed  int64 // how much of it the peer may still send
	consumed int64 // read since the last credit we gave
	inEOF    bool
	outEOF   bool
	credit   int64 // how much we may still send
	err      error // why no more can come or go
	pushes   []json.RawMessage
	finished bool // the result has come
	result   json.RawMessage
	failure  *wire.Error
	// changed holds, for each thing that is waited for, a channel that closes when it comes; nil while nobody waits. One for all would have
	// everybody wake and look at each byte, and those who have nothing to do would hold up a typed key.
	changed [things]chan struct{}
}

// thing is what can be waited for at a stream. The end of the exchange wakes whoever waits for any.
type thing int

const (
	inBytes thing = iota
	outCredit
	inPush
	itsResult
	things
)

func newStream(ctx context.Context, c *Conn, id uint32, window, credit int64) *stream {
	s := &stream{conn: c, id: id, window: window, allowed: window, credit: credit}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

// notify wakes whoever waits for a thing. The caller holds mu.
func (s *stream) notify(what thing) {
	if s.changed[what] != nil {
		close(s.changed[what])
		s.changed[what] = nil
	}
}

// notifyAll wakes everybody. The caller holds mu.
func (s *stream) notifyAll() {
	for what := range things {
		s.notify(what)
	}
}

// ---- what the connection's reader brings

func (s *stream) receive(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inEOF {
		return fmt.Errorf("exchange %d: bytes after eof", s.id)
	}
	if s.allowed -= int64(len(data)); s.allowed < 0 {
		return fmt.Errorf("exchange %d: more bytes than credit", s.id)
	}
	s.received.add(data)
	s.notify(inBytes)
	return nil
}

func (s *stream) receiveEOF() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inEOF = true
	s.notify(inBytes)
}

func (s *stream) receivePush(body json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pushes) == maxPushes {
		s.pushes = s.pushes[1:]
	}
	s.pushes = append(s.pushes, body)
	s.notify(inPush)
}

func (s *stream) addCredit(n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.credit += n; s.credit > wire.MaxCredit {
		return fmt.Errorf("exchange %d: credit of %d bytes outstanding", s.id, s.credit)
	}
	s.notify(outCredit)
	return nil
}

// finish takes the result: the peer says no more.
func (s *stream) finish(body json.RawMessage, failure *wire.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished, s.result, s.failure, s.inEOF = true, body, failure, true
	s.notifyAll()
}

// end makes everything that waits give err, after what was received has been read.
func (s *stream) end(err error) {
	s.mu.Lock()
	if s.err == nil && !s.finished {
		s.err = err
	}
	s.notifyAll()
	s.mu.Unlock()
	s.cancel()
}

// ---- what the two ends' users do

func (s *stream) read(ctx context.Context, p []byte) (int, error) {
	s.mu.Lock()
	for s.received.length == 0 {
		switch {
		case s.inEOF:
			s.mu.Unlock()
			return 0, io.EOF
		case s.err != nil:
			defer s.mu.Unlock()
			return 0, s.err
		}
		if err := s.wait(ctx, inBytes); err != nil {
			return 0, err
		}
	}
	n := s.received.take(p)
	s.consumed += int64(n)
	give := int64(0)
	if s.consumed >= s.window/2 && !s.inEOF {
		give, s.consumed = s.consumed, 0
		s.allowed += give
	}
	s.mu.Unlock()
	if give > 0 {
		// A failure ends the connection, which the next read reports.
		_ = s.conn.send(s.ctx, &wire.Envelope{Kind: wire.KindCredit, ID: s.id, N: give})
	}
	return n, nil
}

// widen gives the peer n bytes of credit that are never taken back.
func (s *stream) widen(ctx context.Context, n int64) error {
	s.mu.Lock()
	s.window += n
	s.allowed += n
	s.mu.Unlock()
	return s.conn.send(ctx, &wire.Envelope{Kind: wire.KindCredit, ID: s.id, N: n})
}

// wait releases mu until a thing comes or the exchange ends, and takes it again; with an error mu stays released.
func (s *stream) wait(ctx context.Context, what thing) error {
	if s.changed[what] == nil {
		s.changed[what] = make(chan struct{})
	}
	changed := s.changed[what]
	s.mu.Unlock()
	select {
	case <-changed:
		s.mu.Lock()
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	select {
	case <-changed: // and ctx ended since: what came first is to be found
		return nil
	default:
	}
	defer s.mu.Unlock()
	if s.err != nil { // the exchange's end also ends its ctx, and says more
		return s.err
	}
	return ctx.Err()
}

func (s *stream) write(ctx context.Context, p []byte) (int, error) {
	buf := messages.Get().(*bytes.Buffer)
	defer messages.Put(buf)
	written := 0
	for written < len(p) {
		n, err := s.reserve(ctx, len(p)-written)
		if err != nil {
			return written, err
		}
		message := wire.AppendChunk(buf.AvailableBuffer(), s.id, p[written:written+n])
		if err := s.conn.write(ctx, Chunk, message); err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}

// reserve waits for credit and takes up to want bytes of it, at most one message.
func (s *stream) reserve(ctx context.Context, want int) (int, error) {
	s.mu.Lock()
	for {
		switch {
		case s.outEOF:
			s.mu.Unlock()
			return 0, io.ErrClosedPipe
		case s.err != nil:
			defer s.mu.Unlock()
			return 0, s.err
		case s.finished:
			s.mu.Unlock()
			return 0, io.ErrClosedPipe
		case s.credit > 0:
			n := min(int64(want), s.credit, wire.FullChunk)
			s.credit -= n
			s.mu.Unlock()
			return int(n), nil
		}
		if err := s.wait(ctx, outCredit); err != nil {
			return 0, err
		}
	}
}

func (s *stream) closeWrite(ctx context.Context) error {
	s.mu.Lock()
	if s.outEOF || s.finished {
		s.mu.Unlock()
		return nil
	}
	s.outEOF = true
	s.mu.Unlock()
	return s.conn.send(ctx, &wire.Envelope{Kind: wire.KindEOF, ID: s.id})
}

func (s *stream) push(ctx context.Context, v any) error {
	body, err := rawBody(v)
	if err != nil {
		return err
	}
	return s.conn.send(ctx, &wire.Envelope{Kind: wire.KindPush, ID: s.id, Body: body})
}

// nextPush waits for what the peer pushes; io.EOF when no more can come.
func (s *stream) nextPush(ctx context.Context) (json.RawMessage, error) {
	s.mu.Lock()
	for len(s.pushes) == 0 {
		switch {
		case s.finished:
			s.mu.Unlock()
			return nil, io.EOF
		case s.err != nil:
			defer s.mu.Unlock()
			return nil, s.err
		}
		if err := s.wait(ctx, inPush); err != nil {
			return nil, err
		}
	}
	next := s.pushes[0]
	if s.pushes = s.pushes[1:]; len(s.pushes) == 0 {
		s.pushes = nil
	}
	s.mu.Unlock()
	return next, nil
}

// waitResult waits for the result, leaving what else came unread.
func (s *stream) waitResult(ctx context.Context) (json.RawMessage, error) {
	s.mu.Lock()
	for !s.finished {
		if s.err != nil {
			defer s.mu.Unlock()
			return nil, s.err
		}
		if err := s.wait(ctx, itsResult); err != nil {
			return nil, err
		}
	}
	defer s.mu.Unlock()
	if s.failure != nil {
		return nil, s.failure
	}
	return s.result, nil
}
