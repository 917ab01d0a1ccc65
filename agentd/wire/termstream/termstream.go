// Package termstream compresses what a terminal shows on its way to a person. What was written can be read at once at the other end, and what is like something shown
// before, as most of a screen that is drawn anew is, costs next to nothing.
package termstream

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// window is how much of what was shown both ends remember, in bytes: several screens.
const window = 256 << 10

// Writer compresses. It is for one goroutine.
type Writer struct {
	to  io.Writer
	z   *zstd.Encoder
	out bytes.Buffer // what a write comes to, so that it goes in one piece
}

// NewWriter makes a writer to w. There is nothing to close: the end of the stream is the end of what it goes through.
func NewWriter(w io.Writer) (*Writer, error) {
	t := &Writer{to: w}
	var err error
	t.z, err = zstd.NewWriter(&t.out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("compress a terminal's output: %w", err)
	}
	return t, nil
}

// Write writes p so that it can be read to its end.
func (w *Writer) Write(p []byte) (int, error) {
	w.out.Reset()
	if _, err := w.z.Write(p); err != nil {
		return 0, fmt.Errorf("compress a terminal's output: %w", err)
	}
	if err := w.z.Flush(); err != nil {
		return 0, fmt.Errorf("compress a terminal's output: %w", err)
	}
	if _, err := w.to.Write(w.out.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Reader decompresses what a Writer wrote.
type Reader struct {
	z    *zstd.Decoder
	from *source
}

// NewReader makes a reader of r. The caller closes it.
func NewReader(r io.Reader) (*Reader, error) {
	from := &source{r: r}
	// Without concurrency nothing is read beyond what can be given.
	z, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return nil, fmt.Errorf("decompress a terminal's output: %w", err)
	}
	return &Reader{z, from}, nil
}

// Read gives what there is. The end of the stream is r's: a frame need not have ended.
func (r *Reader) Read(p []byte) (int, error) {
	n, err := r.z.Read(p)
	switch {
	case err == nil:
		return n, nil
	case r.from.err != nil:
		return n, r.from.err
	}
	return n, fmt.Errorf("decompress a terminal's output: %w", err)
}

// Close frees what the reader holds. It doesn't close r.
func (r *Reader) Close() { r.z.Close() }

// source remembers why there was no more to read.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil {
		s.err = err
	}
	return n, err
}
