package mux

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gascity/agentd/agentd/wire"
)

// Request opens an exchange.
type Request struct {
	Op wire.Op
	// Session is the session's name, for the hub.
	Session string
	// Key makes a repeat safe, for the operations that take one.
	Key string
	// Body is marshalled; a json.RawMessage passes through.
	Body any
	// Input is all that is streamed to the peer; nil where the caller writes the stream itself.
	Input []byte
	// Window is how many stream bytes may come before they are read; 0 means wire.InitialCredit.
	Window int64
}

// Client makes the client's end of a connection. The caller closes it.
func Client(t Transport, o Options) *Conn {
	c := newConn(t, nil, o)
	c.owned.Go(c.read)
	if o.Ping > 0 {
		c.owned.Go(c.ping)
	}
	return c
}

// Call makes a request that streams its Input at most and decodes its result into reply, which may be nil. When ctx ends first, the peer is told
// to stop. The peer's errors are *wire.Error; a connection that ends meanwhile gives a *LostError.
func (c *Conn) Call(ctx context.Context, r Request, reply any) error {
	k, err := c.Open(ctx, r)
	if err != nil {
		return err
	}
	return k.Result(reply)
}

// Call is an exchange that this side opened. Whoever opened it takes its Result or cancels it.
type Call struct {
	stream *stream
	op     wire.Op
}

// Open makes a request whose streams and pushes the caller handles. It returns when Input, if any, is on its way. When ctx ends, the exchange is cancelled.
func (c *Conn) Open(ctx context.Context, r Request) (*Call, error) {
	body, err := rawBody(r.Body)
	if err != nil {
		return nil, err
	}
	window := r.Window
	if window <= 0 {
		window = wire.InitialCredit
	}
	c.mu.Lock()
	c.nextID++
	id := c.nextID
	c.mu.Unlock()
	s := newStream(ctx, c, id, window, wire.InitialCredit)
	if err := c.add(id, s); err != nil {
		s.cancel()
		return nil, err
	}
	e := &wire.Envelope{Kind: wire.KindRequest, ID: id, Op: r.Op, Session: r.Session, Key: r.Key, Body: body}
	if window != wire.InitialCredit {
		e.N = window
	}
	whole := len(r.Input) <= wire.MaxInput
	if whole {
		e.Input, s.outEOF = r.Input, r.Input != nil
	}
	if err := c.send(ctx, e); err != nil {
		c.drop(id)
		s.cancel()
		return nil, err
	}
	c.awaits()
	k := &Call{stream: s, op: r.Op}
	if !whole {
		if err := k.writeAll(r.Input); err != nil {
			k.Cancel()
			return nil, err
		}
	}
	return k, nil
}

// writeAll streams all there is. That the exchange is over meanwhile is no error: its result says more.
func (k *Call) writeAll(input []byte) error {
	_, err := k.Write(input)
	if err == nil {
		err = k.CloseWrite()
	}
	if errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

// Read reads what the peer streams; io.EOF at its end, or when the result has come. An operation that failed gives its error instead.
func (k *Call) Read(p []byte) (int, error) {
	n, err := k.stream.read(k.stream.ctx, p)
	if err != nil && k.stream.failureOf() != nil {
		err = k.stream.failureOf()
	}
	return n, err
}

func (s *stream) failureOf() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		return nil
	}
	return s.failure
}

// Write streams p to the peer, waiting for credit. io.ErrClosedPipe means that the exchange is over; Result says how.
func (k *Call) Write(p []byte) (int, error) { return k.stream.write(k.stream.ctx, p) }

// CloseWrite tells the peer that no more bytes come.
func (k *Call) CloseWrite() error { return k.stream.closeWrite(k.stream.ctx) }

// Push sends v within the exchange.
func (k *Call) Push(v any) error { return k.stream.push(k.stream.ctx, v) }

// NextPush waits for the peer's next push; io.EOF when the exchange is over.
func (k *Call) NextPush() (json.RawMessage, error) { return k.stream.nextPush(k.stream.ctx) }

// Result waits for the result and decodes it into reply, which may be nil.
func (k *Call) Result(reply any) error {
	raw, err := k.stream.waitResult(k.stream.ctx)
	if err != nil {
		var peers *wire.Error
		if !errors.As(err, &peers) {
			k.Cancel()
			if parent := k.stream.ctx.Err(); parent != nil && errors.Is(err, parent) {
				return fmt.Errorf("%s: %w", k.op, err)
			}
		}
		k.stream.cancel()
		return err
	}
	k.stream.cancel()
	if err := decodeBody(raw, reply); err != nil {
		return fmt.Errorf("decode the result of %s: %w", k.op, err)
	}
	return nil
}

// Cancel gives the exchange up: the peer is told to stop, and nothing more of it is heard. It may be called at any time, also after Result.
func (k *Call) Cancel() {
	s := k.stream
	s.mu.Lock()
	over := s.finished || s.err != nil
	s.mu.Unlock()
	s.conn.drop(s.id)
	if !over {
		s.end(context.Canceled)
		// The connection's own bound holds here; a failure ends the connection, and with it the exchange.
		_ = s.conn.send(context.Background(), &wire.Envelope{Kind: wire.KindCancel, ID: s.id})
	}
	s.cancel()
}
