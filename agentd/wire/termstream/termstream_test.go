package termstream

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

func TestEachWriteCanBeReadAtOnce(t *testing.T) {
	t.Parallel()
	var wire bytes.Buffer
	w, err := NewWriter(&wire)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(&wire) // which has no more than was written: reading beyond it would be an end
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	noise := make([]byte, 300<<10)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	for _, text := range []string{"a", strings.Repeat("a screen's line\r\n", 8<<10), "z", string(noise), "é", strings.Repeat("x", 600<<10), "\x1b[H"} {
		if n, err := w.Write([]byte(text)); err != nil || n != len(text) {
			t.Fatalf("wrote %d of %d bytes: %v", n, len(text), err)
		}
		got := make([]byte, len(text))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != text {
			t.Fatalf("read other than the %d bytes written: %v", len(text), err)
		}
	}
}

func TestAScreenDrawnAnewCostsNextToNothing(t *testing.T) {
	t.Parallel()
	var wire bytes.Buffer
	w, err := NewWriter(&wire)
	if err != nil {
		t.Fatal(err)
	}
	screen := make([]byte, 40<<10)
	_, _ = rand.NewChaCha8([32]byte{}).Read(screen)
	for range 2 {
		wire.Reset()
		if _, err := w.Write(screen); err != nil {
			t.Fatal(err)
		}
	}
	if wire.Len() > len(screen)/100 {
		t.Errorf("%d bytes that were shown before took %d", len(screen), wire.Len())
	}
}

func TestTheEndIsThatOfWhatItComesThrough(t *testing.T) {
	t.Parallel()
	var wire bytes.Buffer
	w, err := NewWriter(&wire)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	for _, test := range []struct{ end, want error }{{io.EOF, nil}, {broken, broken}} {
		r, err := NewReader(io.MultiReader(bytes.NewReader(wire.Bytes()), iotest.ErrReader(test.end)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if string(got) != "last words" || !errors.Is(err, test.want) {
			t.Errorf("read %q, %v; want %v", got, err, test.want)
		}
		r.Close()
	}
}

func FuzzWhateverCanBeRead(f *testing.F) {
	var wire bytes.Buffer
	w, err := NewWriter(&wire)
	if err != nil {
		f.Fatal(err)
	}
	_, _ = w.Write([]byte("some text, some text"))
	f.Add(wire.Bytes())
	f.Add([]byte("no frame"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := NewReader(bytes.NewReader(data))
		if err != nil {
			return
		}
		defer r.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(r, 1<<20))
	})
}
