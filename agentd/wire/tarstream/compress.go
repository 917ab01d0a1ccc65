package tarstream

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/gascity/agentd/agentd/wire"
)

// window is how far back a compressed stream refers, in bytes. The sender keeps to it and the receiver insists on it: it is what decompressing costs in memory.
const window = 1 << 20

// Compress gives a writer whose bytes come out of w compressed (wire.EncodingZstd). Close ends the stream and leaves w open. It favours speed: the way to a pod
// carries some 100 MB/s, and compressing must not be what is slow.
func Compress(w io.Writer) (io.WriteCloser, error) {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(2))
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return z, nil
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
		return decoding{z, from}, nil
	}
	return nil, wire.Errorf(wire.CodeBadRequest, "unknown encoding %q: know %q", encoding, wire.EncodingZstd)
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
	z    *zstd.Decoder
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
	d.z.Close()
	return nil
}
