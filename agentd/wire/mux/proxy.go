package mux

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"github.com/gascity/agentd/agentd/wire"
)

// Proxy answers x by asking the same of c: its body, its streams with their credit end to end, pushes both ways, its result.
func Proxy(ctx context.Context, x *Exchange, c *Conn) (any, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k, err := c.Open(ctx, Request{Op: x.Op, Key: x.Key, Body: x.Body, Window: x.window()})
	if err != nil {
		return nil, err
	}
	defer k.Cancel()
	var inward, outward sync.WaitGroup
	inward.Go(func() { x.copyInto(ctx, k) })
	inward.Go(func() { x.pushInto(ctx, k) })
	outward.Go(func() { k.pushInto(x) })
	copyErr := ignoreEOF(copyStream(ctx, x.stream, k.stream))
	var reply json.RawMessage
	resultErr := k.Result(&reply)
	outward.Wait() // the pushes go before the result
	cancel()
	inward.Wait()
	if resultErr != nil {
		return nil, resultErr
	}
	return reply, copyErr
}

// window is how much the client accepts of x's stream before it reads.
func (x *Exchange) window() int64 {
	x.stream.mu.Lock()
	defer x.stream.mu.Unlock()
	return max(1, min(x.stream.credit, wire.MaxCredit))
}

// copyInto passes the client's bytes on until they end.
func (x *Exchange) copyInto(ctx context.Context, k *Call) {
	if err := copyStream(ctx, k.stream, x.stream); errors.Is(err, io.EOF) {
		_ = k.CloseWrite() // a lost connection is told by Result
	}
}

// pushInto passes the client's pushes on until ctx ends.
func (x *Exchange) pushInto(ctx context.Context, k *Call) {
	for {
		body, err := x.NextPush(ctx)
		if err != nil || k.Push(body) != nil {
			return
		}
	}
}

// pushInto passes the peer's pushes on until the result comes.
func (k *Call) pushInto(x *Exchange) {
	for {
		body, err := k.NextPush()
		if err != nil || x.Push(body) != nil {
			return
		}
	}
}

// copyStream copies from one stream to another until the source's end (io.EOF) or a failure.
func copyStream(ctx context.Context, dst, src *stream) error {
	var buf []byte
	for {
		chunk, err := src.take(ctx, buf)
		if err != nil {
			return err
		}
		if _, err := dst.write(ctx, chunk); err != nil {
			return err
		}
		buf = chunk
	}
}

// take reads what there is, at most one chunk, into buf or, where that is too small, into new memory. Most exchanges stream nothing, so nothing is
// allocated before bytes are there.
func (s *stream) take(ctx context.Context, buf []byte) ([]byte, error) {
	s.mu.Lock()
	for s.received.length == 0 && !s.inEOF && s.err == nil {
		if err := s.wait(ctx, inBytes); err != nil {
			return nil, err
		}
	}
	size := max(1, min(s.received.length, wire.FullChunk))
	s.mu.Unlock()
	if cap(buf) < size {
		buf = make([]byte, size)
	}
	n, err := s.read(ctx, buf[:cap(buf)])
	return buf[:n], err
}
