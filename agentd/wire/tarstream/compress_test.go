package tarstream

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/gascity/agentd/agentd/wire"
)

var encodings = []string{wire.EncodingZstd, wire.EncodingS2}

func compressed(t testing.TB, data []byte, encoding string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := Compress(&b, encoding)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decoded(r io.Reader, encoding string) ([]byte, error) {
	d, err := Decode(r, encoding)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return io.ReadAll(d)
}

func TestWhatIsCompressedComesOutAsItWas(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 3<<20)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(noise) // it never fails
	for name, data := range map[string][]byte{"nothing": nil, "a word": []byte("word"), "noise": noise, "the same again and again": bytes.Repeat([]byte("line of text\n"), 1<<20)} {
		for _, encoding := range append(encodings, "") {
			small := compressed(t, data, encoding)
			if got, err := decoded(bytes.NewReader(small), encoding); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s, %q: %d bytes of %d, %v", name, encoding, len(got), len(data), err)
			}
			if encoding == "" && !bytes.Equal(small, data) {
				t.Errorf("%s was changed", name)
			}
			if encoding != "" && name == "the same again and again" && len(small) > len(data)/15 {
				t.Errorf("%s, %q: %d bytes became %d", name, encoding, len(data), len(small))
			}
		}
	}
}

func TestDecodeRefusesWhatItCannotOrMustNotRead(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	var wide bytes.Buffer // refers back further than is allowed
	w, err := zstd.NewWriter(&wide, zstd.WithWindowSize(8*window), zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, io.LimitReader(rand.NewChaCha8([32]byte{}), 16*window)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	text := bytes.Repeat([]byte("text"), 1000)
	whole, blocks := compressed(t, text, wire.EncodingZstd), compressed(t, text, wire.EncodingS2)
	var large bytes.Buffer
	s := s2.NewWriter(&large, s2.WriterBlockSize(4*block))
	if _, err := io.Copy(s, io.LimitReader(rand.NewChaCha8([32]byte{}), 4*block)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		encoding string
		in       io.Reader
		code     wire.Code
	}{
		"an encoding that nobody knows": {"lzma", strings.NewReader(""), wire.CodeBadRequest},
		"what is not compressed":        {wire.EncodingZstd, strings.NewReader("plain text"), wire.CodeBadRequest},
		"a stream that is cut":          {wire.EncodingZstd, bytes.NewReader(whole[:len(whole)-3]), wire.CodeBadRequest},
		"a window of many megabytes":    {wire.EncodingZstd, bytes.NewReader(wide.Bytes()), wire.CodeBadRequest},
		"what is not S2":                {wire.EncodingS2, strings.NewReader("plain text"), wire.CodeBadRequest},
		"blocks that are cut":           {wire.EncodingS2, bytes.NewReader(blocks[:len(blocks)-3]), wire.CodeBadRequest},
		"blocks of many megabytes":      {wire.EncodingS2, bytes.NewReader(large.Bytes()), wire.CodeBadRequest},
		"blocks whose sender is lost":   {wire.EncodingS2, io.MultiReader(bytes.NewReader(blocks[:10]), iotest.ErrReader(lost)), wire.CodeInternal},
		"a connection that is lost":     {wire.EncodingZstd, io.MultiReader(bytes.NewReader(whole[:10]), iotest.ErrReader(lost)), wire.CodeInternal},
	} {
		_, err := decoded(c.in, c.encoding)
		if err == nil || wire.CodeOf(err) != c.code || c.code == wire.CodeInternal && !errors.Is(err, lost) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A tar of a few kilobytes that decompresses to a file without end is cut where the limit is.
func TestACompressedBombIsBounded(t *testing.T) {
	t.Parallel()
	for _, encoding := range encodings {
		bomb := compressed(t, archive(t, entry{'f', "a", strings.Repeat("\x00", 8<<20), 0}), encoding)
		if len(bomb) > 8<<10 {
			t.Fatalf("%s: no bomb: %d bytes", encoding, len(bomb))
		}
		d, err := Decode(bytes.NewReader(bomb), encoding)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		root, _ := rooted(t)
		if count, err := unpack(t.Context(), d, root, 1<<20, 10); wire.CodeOf(err) != wire.CodeTooLarge || count.Bytes != 0 {
			t.Errorf("%s: %+v, %v", encoding, count, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for i, encoding := range encodings {
		f.Add(compressed(f, []byte("text"), encoding), i == 0)
		f.Add(compressed(f, nil, encoding), i == 0)
		f.Add([]byte("plain"), i == 0)
	}
	f.Fuzz(func(t *testing.T, data []byte, isZstd bool) {
		encoding := wire.EncodingS2
		if isZstd {
			encoding = wire.EncodingZstd
		}
		d, err := Decode(bytes.NewReader(data), encoding)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if _, err := io.Copy(io.Discard, io.LimitReader(d, 1<<20)); err != nil && wire.CodeOf(err) != wire.CodeBadRequest {
			t.Errorf("got %v", err)
		}
	})
}
