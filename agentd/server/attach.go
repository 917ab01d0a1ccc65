package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"github.com/gascity/agentd/agentd/session"
	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/termstream"
)

// attach gives the caller a terminal on the session: its bytes go both ways over the exchange's stream, and the caller pushes sizes. How much
// output is under way is the caller's to say (the request's window): a small one lets Ctrl-C overtake a flood on a slow line. Input has a goroutine and
// credit of its own, so it never waits for output.
func (l *link) attach(ctx context.Context, x *mux.Exchange) (any, error) {
	ask, err := l.attachRequest(x)
	if err != nil {
		return nil, err
	}
	s := l.server
	if s.terminals.Add(1) > maxTerminals {
		s.terminals.Add(-1)
		return nil, wire.Errorf(wire.CodeUnavailable, "attach: %d terminals are attached, the limit", maxTerminals)
	}
	defer s.terminals.Add(-1)
	t, err := s.session.Attach(ctx, ask)
	if err != nil {
		return nil, err
	}
	l.tellWatchers()
	return serveTerminal(ctx, t, x, ask)
}

func (l *link) attachRequest(x *mux.Exchange) (wire.Attach, error) {
	var ask wire.Attach
	if err := x.Decode(&ask); err != nil {
		return ask, err
	}
	if ask.Encoding != "" && ask.Encoding != wire.EncodingZstd {
		return ask, wire.Errorf(wire.CodeBadRequest, "unknown encoding %q: know %q", ask.Encoding, wire.EncodingZstd)
	}
	if !ask.ReadOnly && l.role != wire.RoleOperator {
		return ask, wire.Errorf(wire.CodeForbidden, "attach needs an operator's token, this is a %s's, which may attach read-only", l.role)
	}
	return ask, nil
}

// serveTerminal moves bytes and sizes between a terminal and its caller until the terminal ends or the caller leaves.
func serveTerminal(ctx context.Context, t *session.Terminal, x *mux.Exchange, ask wire.Attach) (any, error) {
	ctx, leave := context.WithCancel(ctx)
	var movers sync.WaitGroup
	defer movers.Wait()
	defer leave()
	stop := context.AfterFunc(ctx, func() { _ = t.Close() }) // wakes the copies below
	defer stop()
	movers.Go(func() { copyInput(ctx, t, x, ask.ReadOnly) })
	movers.Go(func() { followSize(ctx, t, x) })
	copyErr := copyOutput(x, t, ask.Encoding)
	if err := t.Close(); err != nil && copyErr == nil {
		copyErr = err
	}
	reply, err := t.Wait()
	if err = errors.Join(ctx.Err(), err, copyErr); err != nil {
		return nil, err
	}
	return reply, nil
}

// copyOutput sends what the terminal shows until it ends, compressed if that was asked for.
func copyOutput(x *mux.Exchange, t *session.Terminal, encoding string) error {
	out := io.Writer(x)
	if encoding != "" {
		z, err := termstream.NewWriter(x)
		if err != nil {
			return err
		}
		out = z
	}
	_, err := io.CopyBuffer(out, t, make([]byte, wire.FullChunk))
	return err
}

// copyInput types what the caller sends. A read-only terminal's input is read, so that the caller isn't blocked, and dropped.
func copyInput(ctx context.Context, t *session.Terminal, x *mux.Exchange, readOnly bool) {
	dst := io.Writer(t)
	if readOnly {
		dst = io.Discard
	}
	_, _ = io.Copy(dst, x.Input(ctx)) // ends with the caller's input, the exchange or the terminal; the output side reports how
}

// followSize takes the sizes that the caller pushes.
func followSize(ctx context.Context, t *session.Terminal, x *mux.Exchange) {
	for {
		raw, err := x.NextPush(ctx)
		if err != nil {
			return
		}
		var size wire.Size
		if json.Unmarshal(raw, &size) == nil {
			_ = t.Resize(size) // one that can't be is left out; the end of the terminal is told by its output
		}
	}
}
