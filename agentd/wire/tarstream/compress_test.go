package tarstream

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"github.com/gascity/agentd/agentd/wire"
)

func compressed(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := Compress(&b)
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
		small := compressed(t, data)
		if got, err := decoded(bytes.NewReader(small), wire.EncodingZstd); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(data), err)
		}
		if got, err := decoded(bytes.NewReader(data), ""); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s, as it is: %d bytes of %d, %v", name, len(got), len(data), err)
		}
		if name == "the same again and again" && len(small) > len(data)/100 {
			t.Errorf("%s: %d bytes became %d", name, len(data), len(small))
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
	whole := compressed(t, bytes.Repeat([]byte("text"), 1000))
	for name, c := range map[string]struct {
		encoding string
		in       io.Reader
		code     wire.Code
	}{
		"an encoding that nobody knows": {"lzma", strings.NewReader(""), wire.CodeBadRequest},
		"what is not compressed":        {wire.EncodingZstd, strings.NewReader("plain text"), wire.CodeBadRequest},
		"a stream that is cut":          {wire.EncodingZstd, bytes.NewReader(whole[:len(whole)-3]), wire.CodeBadRequest},
		"a window of many megabytes":    {wire.EncodingZstd, bytes.NewReader(wide.Bytes()), wire.CodeBadRequest},
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
	bomb := compressed(t, archive(t, entry{'f', "a", strings.Repeat("\x00", 8<<20), 0}))
	if len(bomb) > 8<<10 {
		t.Fatalf("no bomb: %d bytes", len(bomb))
	}
	d, err := Decode(bytes.NewReader(bomb), wire.EncodingZstd)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	root, _ := rooted(t)
	if count, err := unpack(t.Context(), d, root, 1<<20, 10); wire.CodeOf(err) != wire.CodeTooLarge || count.Bytes != 0 {
		t.Errorf("%+v, %v", count, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(compressed(f, []byte("text")))
	f.Add(compressed(f, nil))
	f.Add([]byte("plain"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Decode(bytes.NewReader(data), wire.EncodingZstd)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if _, err := io.Copy(io.Discard, io.LimitReader(d, 1<<20)); err != nil && wire.CodeOf(err) != wire.CodeBadRequest {
			t.Errorf("got %v", err)
		}
	})
}
