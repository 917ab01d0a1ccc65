package gcctl

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

// readStdin reads stdin to its end. What is to come is called what, for people. Of more than limit bytes it gives limit+1: the caller knows what to do instead.
func (a *app) readStdin(ctx context.Context, what string, limit int64) ([]byte, error) {
	if isTerminal(a.streams.In) {
		fmt.Fprintf(a.streams.Err, "type %s, and end it with Ctrl-D on a line of its own:\n", what)
	}
	var text bytes.Buffer
	if _, err := drain(ctx, &text, io.LimitReader(a.streams.In, limit+1)); err != nil {
		return nil, fmt.Errorf("read %s from stdin: %w", what, err)
	}
	return text.Bytes(), nil
}

// drain copies stdin, or what is wanted of it, to w, until an interrupt. After one, w is not to be looked at: it may still be written to.
func drain(ctx context.Context, w io.Writer, stdin io.Reader) (int64, error) {
	type copied struct {
		n   int64
		err error
	}
	done := make(chan copied, 1)
	go func() { // nothing interrupts the reading of a terminal or a pipe; the process ends
		n, err := io.Copy(w, stdin)
		done <- copied{n, err}
	}()
	select {
	case c := <-done:
		return c.n, c.err
	case <-ctx.Done():
		return 0, errInterrupted
	}
}
