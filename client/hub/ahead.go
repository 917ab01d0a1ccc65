package hub

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/gascity/agentd/agentd/wire"
)

const (
	// packedAhead is what a start's files may take in memory while the session is still being made, in bytes.
	packedAhead = 32 << 20
	// packingAhead is how many starts may do so at once. Others pack as they send.
	packingAhead = 2
)

// packed are a start's files on their way from the disk to agentd. They are read and compressed while the session is being made.
type packed struct {
	files  []Files
	pieces chan piece
	// sent says that none of the pieces is in memory any more.
	sent func()
}

// piece is the next of what is sent.
type piece struct {
	data *[]byte
	// last says that the tar ends here, by err if it broke off.
	last bool
	err  error
}

// pieces lends memory for them: each fills a message.
var pieces = sync.Pool{New: func() any { b := make([]byte, 0, wire.FullChunk); return &b }}

// pack begins to pack the files. It goes on until all are sent or ctx ends.
func (f *starting) pack(ctx context.Context) error {
	files, err := f.hub.backend.Files(f.start, f.orders)
	if err != nil || len(files) == 0 {
		return err
	}
	room, sent := 0, func() {}
	select {
	case f.hub.packing <- struct{}{}:
		room, sent = packedAhead/wire.FullChunk, sync.OnceFunc(func() { <-f.hub.packing })
	default:
	}
	f.packed = &packed{files, make(chan piece, room), sent}
	f.owned.Go(func() {
		for _, files := range files {
			w := pieceWriter{ctx: ctx, to: f.packed.pieces}
			err := f.send(ctx, &w, files)
			if w.hand(piece{data: w.data, last: true, err: err}) != nil || err != nil {
				return
			}
		}
	})
	return nil
}

// endPacking waits for what packs, once its ctx has ended.
func (f *starting) endPacking() {
	f.owned.Wait()
	if f.packed != nil {
		f.packed.sent()
	}
}

// pieceWriter cuts what is written to it into pieces.
type pieceWriter struct {
	ctx  context.Context
	to   chan<- piece
	data *[]byte // the piece that isn't full yet, nil before it has any
}

func (w *pieceWriter) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		if w.data == nil {
			w.data = pieces.Get().(*[]byte)
		}
		n := min(cap(*w.data)-len(*w.data), len(p)-written)
		*w.data = append(*w.data, p[written:written+n]...)
		written += n
		if len(*w.data) < cap(*w.data) {
			continue
		}
		if err := w.hand(piece{data: w.data}); err != nil {
			return written, err
		}
		w.data = nil
	}
	return written, nil
}

func (w *pieceWriter) hand(next piece) error {
	select {
	case w.to <- next:
		return nil
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
}

// next writes the tar that comes next to w.
func (p *packed) next(ctx context.Context, w io.Writer) error {
	for {
		select {
		case got := <-p.pieces:
			if got.err != nil {
				return got.err
			}
			if err := got.write(w); err != nil || got.last {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("pack: %w", context.Cause(ctx))
		}
	}
}

func (p piece) write(w io.Writer) error {
	if p.data == nil {
		return nil
	}
	_, err := w.Write(*p.data)
	*p.data = (*p.data)[:0]
	pieces.Put(p.data)
	return err
}
