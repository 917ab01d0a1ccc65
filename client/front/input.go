package front

import (
	"context"
	"fmt"
	"io"

	"github.com/gascity/agentd/agentd/wire"
)

// readInput reads stdin to its end, at most limit bytes. What is on stdin is called what, for messages.
func (r *run) readInput(ctx context.Context, what string, limit int) ([]byte, error) {
	type input struct {
		data []byte
		err  error
	}
	// Reading a pipe can't be interrupted, but the process ends with the operation.
	read := make(chan input, 1)
	go func() {
		data, err := io.ReadAll(io.LimitReader(r.stdin, int64(limit)+1))
		read <- input{data, err}
	}()
	select {
	case in := <-read:
		if in.err != nil {
			return nil, fmt.Errorf("read %s from stdin: %w", what, in.err)
		}
		if len(in.data) > limit {
			return nil, wire.Errorf(wire.CodeTooLarge, "%s on stdin is over the limit of %d bytes", what, limit)
		}
		return in.data, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("read %s from stdin: %w", what, ctx.Err())
	}
}
