package tarstream

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/gascity/agentd/agentd/wire"
)

// window is how far back a compressed stream refers, in bytes. The sender keeps to it and the receiver insists on it: it is what decompressing costs in memory.
const window = 1 << 20

// block is the most that an S2 stream may compress by itself, in bytes, and ownBlock what Compress does: a start holds several of them in memory.
const (
	block    = 1 << 20
	ownBlock = 256 << 10
)

// Compress gives a writer whose bytes come out of w in the given encoding, as they are for "". Close ends the stream and leaves w open. Both ways of compressing favour
// speed, on two processors at most.
func Compress(w io.Writer, encoding string) (io.WriteCloser, error) {
	switch encoding {
	case "":
		return asItIs{w}, nil
	case wire.EncodingS2:
		return s2.NewWriter(w, s2.WriterBlockSize(ownBlock), s2.WriterConcurrency(2)), nil
	case wire.EncodingZstd:
		z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(2))
		if err != nil {
			return nil, fmt.Errorf("compress: %w", err)
		}
		return z, nil
	}
	return nil, unknown(encoding)
}

// asItIs is a stream that isn't compressed.
type asItIs struct{ io.Writer }

func (asItIs) Close() error { return nil }

func unknown(encoding string) error {
	return wire.Errorf(wire.CodeBadRequest, "unknown encoding %q: know %q and %q", encoding, wire.EncodingZstd, wire.EncodingS2)
}

// Decode gives what r holds when its bytes are in the given encoding: as they are for "", or decompressed. Close gives up its memory; it doesn't close r. How much
// comes out is for Unpack to bound.
func Decode(r io.Reader, encoding string) (io.ReadCloser, error) {
	switch encoding {
	case "":
		return io.NopCloser(r), nil
	case wire.EncodingZstd:
		from := &upstream{r: r}
		// One goroutine, the caller's: nothing is decompressed ahead of what is written.
		z, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
		if err != nil {
			return nil, fmt.Errorf("decompress: %w", err)
		}
		return decoding{z, z.Close, from}, nil
	case wire.EncodingS2:
		from := &upstream{r: r}
		return decoding{s2.NewReader(from, s2.ReaderMaxBlockSize(block)), func() {}, from}, nil
	}
	return nil, unknown(encoding)
}

// upstream notes why no more came from the other side.
type upstream struct {
	r   io.Reader
	err error
}

func (u *upstream) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		u.err = err
	}
	return n, err
}

// decoding tells a stream that isn't what it says it is from one that ended early.
type decoding struct {
	z    io.Reader
	free func()
	from *upstream
}

func (d decoding) Read(p []byte) (int, error) {
	n, err := d.z.Read(p)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	case d.from.err != nil:
		return n, d.from.err
	}
	return n, wire.Errorf(wire.CodeBadRequest, "decompress: %v", err)
}

func (d decoding) Close() error {
	d.free()
	return nil
}
