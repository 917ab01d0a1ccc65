package mux

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/gascity/agentd/agentd/wire"
)

// Handler answers one exchange; what it returns is the result. It runs in a goroutine of its own. Its ctx ends when the caller cancels or the connection ends.
type Handler func(ctx context.Context, x *Exchange) (reply any, err error)

// Exchange is a request that the peer opened.
type Exchange struct {
	Op      wire.Op
	Session string
	Key     string
	Body    json.RawMessage
	stream  *stream
	then    func()
}

// Server makes the server's end of a connection, whose requests h answers.
func Server(t Transport, h Handler, o Options) *Conn { return newConn(t, h, o) }

// Serve answers requests until the connection ends or ctx is done, and returns when every handler has. Its error says why the connection ended; it is never nil.
func (c *Conn) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.owned.Go(func() {
		select {
		case <-ctx.Done():
			_ = c.Close(wire.CloseShutdown, "shutting down")
		case <-c.done:
		}
	})
	if c.options.Ping > 0 {
		c.owned.Go(c.ping)
	}
	c.read()
	c.owned.Wait()
	return c.Err()
}

// takeRequest starts an exchange.
func (c *Conn) takeRequest(e *wire.Envelope) error {
	if c.handler == nil {
		return fmt.Errorf("request from a server")
	}
	credit := int64(wire.InitialCredit)
	if e.N != 0 {
		credit = e.N
	}
	if credit < 0 || credit > wire.MaxCredit {
		return fmt.Errorf("request %d: window of %d bytes", e.ID, credit)
	}
	c.mu.Lock()
	_, taken := c.streams[e.ID]
	open := len(c.streams)
	c.mu.Unlock()
	if taken {
		return fmt.Errorf("request %d: id in use", e.ID)
	}
	// The exchange outlives no connection: fail cancels every stream.
	s := newStream(context.Background(), c, e.ID, wire.InitialCredit, credit)
	if e.Input != nil {
		if err := s.receive(e.Input); err != nil {
			s.cancel()
			return err
		}
		s.inEOF = true
	}
	if open >= wire.MaxRequests {
		c.owned.Go(func() {
			c.answer(s, nil, wire.Errorf(wire.CodeTooLarge, "more than %d requests in flight", wire.MaxRequests))
		})
		return nil
	}
	if err := c.add(e.ID, s); err != nil {
		s.cancel()
		return nil // the connection has just ended
	}
	x := &Exchange{Op: e.Op, Session: e.Session, Key: e.Key, Body: e.Body, stream: s}
	c.owned.Go(func() {
		reply, err := c.handler(s.ctx, x)
		c.answer(s, reply, err)
		if x.then != nil {
			x.then()
		}
	})
	return nil
}

// answer sends the result and ends the exchange.
func (c *Conn) answer(s *stream, reply any, err error) {
	defer s.cancel()
	body, encodeErr := rawBody(reply)
	if err == nil {
		err = encodeErr
	}
	e := &wire.Envelope{Kind: wire.KindResult, ID: s.id, Error: wire.AsError(err)}
	if err == nil {
		e.Body = body
	}
	c.drop(s.id)
	// Not s.ctx: a cancelled exchange still gets its result. The connection bounds the write.
	if err := c.send(context.Background(), e); wire.CodeOf(err) == wire.CodeTooLarge {
		_ = c.send(context.Background(), &wire.Envelope{Kind: wire.KindResult, ID: s.id, Error: wire.AsError(err)})
	}
}

// Then has f called, by the exchange's goroutine, once the result has been sent or the connection has ended. The last f counts. It is for handlers.
func (x *Exchange) Then(f func()) { x.then = f }

// Decode reads the request's body; an error is the caller's fault and is returned as the result.
func (x *Exchange) Decode(v any) error {
	if err := decodeBody(x.Body, v); err != nil {
		return wire.Errorf(wire.CodeBadRequest, "%s: %v", x.Op, err)
	}
	return nil
}

// Push sends v within the exchange, before its result.
func (x *Exchange) Push(v any) error { return x.stream.push(x.stream.ctx, v) }

// NextPush waits for what the client pushes, until ctx ends.
func (x *Exchange) NextPush(ctx context.Context) (json.RawMessage, error) {
	return x.stream.nextPush(ctx)
}

// Read reads what the client streams; io.EOF at its end.
func (x *Exchange) Read(p []byte) (int, error) { return x.stream.read(x.stream.ctx, p) }

// Widen lets the client have n more bytes on their way than InitialCredit: what a handler takes as fast as it comes must not wait for each round trip.
func (x *Exchange) Widen(n int64) error { return x.stream.widen(x.stream.ctx, n) }

// Input reads as Read does, until ctx ends.
func (x *Exchange) Input(ctx context.Context) io.Reader { return input{ctx, x.stream} }

type input struct {
	ctx    context.Context
	stream *stream
}

func (r input) Read(p []byte) (int, error) { return r.stream.read(r.ctx, p) }

// Write streams p to the client, waiting for credit.
func (x *Exchange) Write(p []byte) (int, error) { return x.stream.write(x.stream.ctx, p) }

// CloseWrite tells the client that no more bytes come. Returning from the handler tells it too.
func (x *Exchange) CloseWrite() error { return x.stream.closeWrite(x.stream.ctx) }
