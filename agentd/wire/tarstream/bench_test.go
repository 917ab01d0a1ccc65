package tarstream

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkAWorkTree moves 2,000 files of 20 kB of text, as `start` does with a workspace: packed, compressed, decompressed and unpacked.
func BenchmarkAWorkTree(b *testing.B) {
	src := b.TempDir()
	const files = 2000
	size := 0
	for i := range files {
		dir := filepath.Join(src, "src", fmt.Sprint(i%10), fmt.Sprint(i%100))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		text := strings.Repeat(fmt.Sprintf("func f%d(x int) int { return x + %d }\n", i, i*i), 500)
		size += len(text)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".go")), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	from, err := os.OpenRoot(src)
	if err != nil {
		b.Fatal(err)
	}
	defer from.Close()
	for _, encoding := range append(encodings, "") {
		b.Run("encoding="+encoding, func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := move(b, from, encoding); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func move(b *testing.B, from *os.Root, encoding string) error {
	dst := b.TempDir()
	to, err := os.OpenRoot(dst)
	if err != nil {
		return err
	}
	defer to.Close()
	r, w := io.Pipe()
	go func() {
		out, err := Compress(w, encoding)
		if err == nil {
			_, err = Pack(b.Context(), out, from, ".")
			err = errors.Join(err, out.Close())
		}
		_ = w.CloseWithError(err)
	}()
	in, err := Decode(r, encoding)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = Unpack(b.Context(), in, to)
	return err
}
