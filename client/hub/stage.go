package hub

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/tarstream"
	"github.com/gascity/agentd/client/hub/pack"
)

// stage sends the start's files in their order, each over the last.
func (f *starting) stage(ctx context.Context, conn *mux.Conn) error {
	if f.packed == nil {
		return nil
	}
	defer f.packed.sent()
	for _, files := range f.packed.files {
		f.push(wire.Progress{Step: fmt.Sprintf("copying %s", files.What)})
		if err := f.put(ctx, conn, files); err != nil {
			return fmt.Errorf("copy %s: %w", files.What, err)
		}
	}
	return nil
}

// put sends one tar.
func (f *starting) put(ctx context.Context, conn *mux.Conn, files Files) error {
	ask := wire.Put{WorkDir: files.Into, Encoding: files.Encoding}
	call, err := conn.Open(ctx, mux.Request{Op: wire.OpPut, Body: ask})
	if err != nil {
		return err
	}
	defer call.Cancel()
	err = f.packed.next(ctx, call)
	if err == nil {
		err = call.CloseWrite()
	}
	if errors.Is(err, io.ErrClosedPipe) {
		// agentd has ended the transfer; its reason says more than the broken write that followed.
		if reason := call.Result(nil); reason != nil {
			err = reason
		}
	}
	if err != nil {
		return err
	}
	return call.Result(nil)
}

// send writes the files as a tar, compressed or not.
func (f *starting) send(ctx context.Context, w io.Writer, files Files) error {
	z, err := tarstream.Compress(w, files.Encoding)
	if err != nil {
		return err
	}
	if err := f.tar(ctx, z, files); err != nil {
		_ = z.Close() // the tar is incomplete already
		return err
	}
	return z.Close()
}

func (f *starting) tar(ctx context.Context, w io.Writer, files Files) error {
	p := pack.New(ctx, w, func(w string) { f.push(wire.Progress{Warning: w}) }, files.Skip)
	if err := files.Fill(p); err != nil {
		return err
	}
	return p.Close()
}

// compressed passes on the tar that comes from x, compressed as is asked. What else comes and goes in the exchange is its result.
func compressed(ctx context.Context, x *mux.Exchange, s *session, ask wire.Put) (any, error) {
	conn, err := s.link(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := conn.Open(ctx, mux.Request{Op: wire.OpPut, Key: x.Key, Body: ask})
	if err != nil {
		return nil, err
	}
	var sending sync.WaitGroup
	var sendErr error
	sending.Go(func() {
		if sendErr = compress(call, x.Input(ctx), ask.Encoding); sendErr != nil {
			call.Cancel() // half a tar must not be taken for a whole one
		}
	})
	var reply json.RawMessage
	err = call.Result(&reply)
	cancel() // agentd may refuse the rest
	sending.Wait()
	switch {
	case err == nil:
		return reply, nil
	case sendErr != nil && errors.Is(err, context.Canceled):
		return nil, sendErr
	}
	return nil, err
}

// compress sends what r holds, and its end.
func compress(call *mux.Call, r io.Reader, encoding string) error {
	// What comes out is as large as it happens to be, and each write is a message of its own.
	out := bufio.NewWriterSize(call, wire.FullChunk)
	z, err := tarstream.Compress(out, encoding)
	if err != nil {
		return err
	}
	_, err = io.Copy(z, r)
	if err != nil {
		_ = z.Close() // the tar is incomplete already
		return err
	}
	if err := errors.Join(z.Close(), out.Flush()); err != nil {
		return err
	}
	return call.CloseWrite()
}
