package mux

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// writeTimeout bounds the writing of one message. A peer that takes nothing for so long is gone: its kernel buffers are full and its process isn't
// reading, though it promised never to stop.
const writeTimeout = 10 * time.Second

// Options set how a connection behaves. The zero value is usable.
type Options struct {
	// Ping is how often the peer is asked for a sign of life; after two that stay unanswered the connection is lost. A client that waits for an answer
	// asks sooner, and the connection is lost in three quarters of this time. 0 means never: right for a peer on the same machine, whose end the kernel
	// reports. Otherwise the transport must be a Prober.
	Ping time.Duration
	// Logger gets what breaks the protocol. Nil means silence.
	Logger *slog.Logger
}

// Conn is one end of a connection. Its methods may be called from several goroutines.
type Conn struct {
	transport Transport
	prober    Prober // nil where nobody is to be asked for signs of life
	options   Options
	handler   Handler // nil on the client's end

	writing chan struct{} // holds one token: whoever took it may write
	heard   atomic.Int64  // unix nanoseconds
	asked   chan struct{} // holds one token when a request was made since the peer was last known to live

	mu      sync.Mutex
	streams map[uint32]*stream
	nextID  uint32

	closeOnce sync.Once
	cause     error         // why the connection ended; read after done
	done      chan struct{} // closed when the connection has ended
	owned     sync.WaitGroup
}

// LostError says that the connection ended before an answer came, so whether the request took effect is unknown.
type LostError struct{ Cause error }

// Error names the cause.
func (e *LostError) Error() string { return "connection lost: " + e.Cause.Error() }

// Unwrap gives the cause.
func (e *LostError) Unwrap() error { return e.Cause }

// Lost says whether err tells, by a *LostError in its chain, that the connection ended before an answer came.
func Lost(err error) bool {
	var e *LostError
	return errors.As(err, &e)
}

// ErrClosed is the cause of a connection that this side closed.
var ErrClosed = errors.New("closed")

func newConn(t Transport, h Handler, o Options) *Conn {
	c := &Conn{transport: t, options: o, handler: h, writing: make(chan struct{}, 1), asked: make(chan struct{}, 1), streams: map[uint32]*stream{}, done: make(chan struct{})}
	if c.options.Logger == nil {
		c.options.Logger = slog.New(slog.DiscardHandler)
	}
	c.writing <- struct{}{}
	if o.Ping > 0 {
		c.prober = t.(Prober)
	}
	if p, ok := t.(Prober); ok {
		p.OnSign(c.touch)
	}
	c.touch()
	return c
}

// Heard is when the peer last gave a sign of life.
func (c *Conn) Heard() time.Time { return time.Unix(0, c.heard.Load()) }

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err says why the connection ended, nil while it hasn't.
func (c *Conn) Err() error {
	select {
	case <-c.done:
		return &LostError{c.cause}
	default:
		return nil
	}
}

// Close ends the connection, telling the peer why. On the client's end it waits for the connection's goroutines; on the server's end Serve does.
func (c *Conn) Close(code int, text string) error {
	err := c.goodbye(code, text)
	c.fail(ErrClosed)
	if c.handler == nil {
		c.owned.Wait()
	}
	if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrClosedPipe) {
		return fmt.Errorf("close connection: %w", err)
	}
	return nil
}

// goodbyeTimeout bounds what it takes to tell a peer why the connection ends.
const goodbyeTimeout = time.Second

func (c *Conn) goodbye(code int, text string) error {
	if c.Err() != nil {
		return nil
	}
	return c.transport.Goodbye(code, text, time.Now().Add(goodbyeTimeout))
}

// Drop ends the connection of a client that leaves, and waits for its goroutines. The peer is told by the end of the connection alone, as it is where a process
// ends: that spares both of them a message.
func (c *Conn) Drop() {
	c.fail(ErrClosed)
	c.owned.Wait()
}

// fail ends the connection for the given reason; only the first counts.
func (c *Conn) fail(cause error) {
	c.closeOnce.Do(func() {
		c.cause = cause
		close(c.done)
		c.transport.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, s := range c.streams {
			s.end(&LostError{cause})
		}
	})
}

// touch notes a sign of life and gives the peer time for the next one.
func (c *Conn) touch() {
	now := time.Now()
	c.heard.Store(now.UnixNano())
	if c.prober != nil {
		// An error here means a closed connection, which the reader sees by itself.
		_ = c.prober.SetReadDeadline(now.Add(2*c.options.Ping + c.options.Ping/2))
	}
}

// ping asks for signs of life until the connection ends: now and then, and when a request stays unanswered.
func (c *Conn) ping() {
	tick := time.NewTicker(c.options.Ping)
	defer tick.Stop()
	doubt := time.NewTimer(c.options.Ping)
	doubt.Stop()
	defer doubt.Stop()
	asked := c.asked // nil while a request's doubt is awaited
	var since time.Time
	for {
		var err error
		select {
		case <-c.done:
			return
		case <-asked:
			asked, since = nil, time.Now()
			doubt.Reset(c.options.Ping / 4)
		case <-doubt.C:
			asked = c.asked
			if c.Heard().Before(since) {
				_ = c.prober.SetReadDeadline(time.Now().Add(c.options.Ping / 2)) // the next sign of life puts it off
				err = c.writePing()
			}
		case <-tick.C:
			err = c.writePing()
		}
		if err != nil {
			c.fail(fmt.Errorf("ping: %w", err))
			return
		}
	}
}

// writePing sends a ping. Where a message is being written for so long that none fits in, the read deadline judges.
func (c *Conn) writePing() error {
	err := c.prober.Ping(time.Now().Add(c.options.Ping))
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return nil
	}
	return err
}

// awaits has the connection watched until the peer gives a sign of life.
func (c *Conn) awaits() {
	select {
	case c.asked <- struct{}{}:
	default:
	}
}

// read takes the peer's messages until the connection ends.
func (c *Conn) read() {
	for {
		kind, r, err := c.transport.Next()
		if err == nil {
			err = c.readMessage(kind, r)
		}
		if err != nil {
			if errors.Is(err, ErrTooBig) {
				err = c.violation(wire.CloseTooBig, err)
			}
			if errors.Is(err, ErrMalformed) {
				err = c.violation(wire.CloseProtocol, err)
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				err = fmt.Errorf("no sign of life for %s", time.Since(c.Heard()).Round(time.Second/10))
			}
			c.fail(err)
			return
		}
	}
}

// readMessage takes one message. Its memory is borrowed while it comes in: nothing keeps a part of it, and a connection on which nothing comes holds none.
func (c *Conn) readMessage(kind Kind, r io.Reader) error {
	buf := messages.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= 2*messageSize { // a rare large one isn't worth keeping
			buf.Reset()
			messages.Put(buf)
		}
	}()
	if _, err := buf.ReadFrom(r); err != nil {
		return err
	}
	c.touch()
	take := c.takeEnvelope
	if kind == Chunk {
		take = c.takeChunk
	}
	if err := take(buf.Bytes()); err != nil {
		return c.violation(wire.CloseProtocol, err)
	}
	return nil
}

// messageSize holds a whole chunk, and most envelopes.
const messageSize = wire.MaxChunk + 4<<10

// messages are buffers for messages on their way in or out.
var messages = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, messageSize)) }}

// violation tells the peer which rule it broke.
func (c *Conn) violation(code int, err error) error {
	c.options.Logger.Warn("peer broke the protocol", "error", err)
	_ = c.goodbye(code, err.Error()) // it may be gone
	return fmt.Errorf("peer broke the protocol: %w", err)
}

func (c *Conn) takeChunk(message []byte) error {
	id, data, err := wire.DecodeChunk(message)
	if err != nil {
		return err
	}
	if s := c.stream(id); s != nil {
		return s.receive(data)
	}
	return nil // of an exchange that is over
}

func (c *Conn) takeEnvelope(message []byte) error {
	e, err := wire.DecodeEnvelope(message)
	if err != nil {
		return err
	}
	if e.Kind == wire.KindRequest {
		return c.takeRequest(e)
	}
	s := c.stream(e.ID)
	if s == nil {
		return nil // of an exchange that is over
	}
	switch e.Kind {
	case wire.KindCredit:
		return s.addCredit(e.N)
	case wire.KindEOF:
		s.receiveEOF()
	case wire.KindPush:
		s.receivePush(e.Body)
	case wire.KindResult:
		if c.handler == nil {
			c.drop(e.ID)
			s.finish(e.Body, e.Error)
		}
	case wire.KindCancel:
		if c.handler != nil {
			s.cancel()
		}
	}
	return nil
}

func (c *Conn) stream(id uint32) *stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.streams[id]
}

// add registers a stream under id, unless the connection has ended.
func (c *Conn) add(id uint32, s *stream) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.done:
		return &LostError{c.cause}
	default:
	}
	c.streams[id] = s
	return nil
}

func (c *Conn) drop(id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.streams, id)
}

// send writes an envelope. A ctx that ends while another message is being written gives its error, and nothing is sent.
func (c *Conn) send(ctx context.Context, e *wire.Envelope) error {
	b, err := e.Encode()
	if err != nil {
		return err
	}
	return c.write(ctx, Envelope, b)
}

func (c *Conn) write(ctx context.Context, kind Kind, message []byte) error {
	select {
	case <-c.writing:
	case <-ctx.Done():
		if err := c.Err(); err != nil { // it ends the exchanges, and thereby their contexts, and says more
			return err
		}
		return ctx.Err()
	case <-c.done:
		return &LostError{c.cause}
	}
	defer func() { c.writing <- struct{}{} }()
	_ = c.transport.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err := c.transport.Write(kind, message); err != nil {
		// A message cut short can't be taken back: the connection is of no more use. Should the peer have sent the reason for its
		// leaving, the reader finds it first.
		err = c.reasonOr(err)
		c.fail(err)
		return &LostError{err}
	}
	return nil
}

// reasonOr waits a moment for the reader to find the peer's close message, which tells more than a failed write does.
func (c *Conn) reasonOr(err error) error {
	t := time.NewTimer(100 * time.Millisecond)
	defer t.Stop()
	select {
	case <-c.done:
		return c.cause
	case <-t.C:
		return err
	}
}
