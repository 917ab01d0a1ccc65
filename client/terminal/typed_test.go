package terminal

import (
	"bytes"
	"context"
	"testing"
)

func TestTyped(t *testing.T) {
	t.Parallel()
	taken := func(t *testing.T, k *typed) string {
		t.Helper()
		data, err := k.take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	dropped := func(k *typed) bool {
		select {
		case <-k.dropped:
			return true
		default:
			return false
		}
	}
	t.Run("keys that nobody takes are dropped, and that is told", func(t *testing.T) {
		t.Parallel()
		k := newTyped()
		k.put([]byte("lost"), true)
		if !dropped(k) {
			t.Error("nobody is told")
		}
		k.open()
		k.put([]byte("kept"), true)
		if got := taken(t, k); got != "kept" {
			t.Errorf("%q is taken", got)
		}
	})
	t.Run("a report that nobody takes is nothing to tell", func(t *testing.T) {
		t.Parallel()
		k := newTyped()
		k.put([]byte("\x1b[I"), false)
		if dropped(k) {
			t.Error("it is told")
		}
	})
	t.Run("held keys wait for the next connection", func(t *testing.T) {
		t.Parallel()
		k := newTyped()
		k.open()
		k.put([]byte("a"), true)
		k.hold()
		k.put([]byte("b"), true)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if data, err := k.take(ended); err == nil {
			t.Errorf("%q is taken while it is held", data)
		}
		k.open()
		if got := taken(t, k); got != "ab" {
			t.Errorf("%q is taken", got)
		}
	})
	t.Run("dropping forgets what was held", func(t *testing.T) {
		t.Parallel()
		k := newTyped()
		k.hold()
		k.put([]byte("old"), true)
		k.drop()
		k.open()
		k.put([]byte("new"), true)
		if got := taken(t, k); got != "new" {
			t.Errorf("%q is taken", got)
		}
	})
	t.Run("what is held has a limit, past which the keyboard is still read", func(t *testing.T) {
		t.Parallel()
		k := newTyped()
		k.hold()
		k.put(make([]byte, maxTyped), true)
		k.put([]byte("more"), true)
		if !dropped(k) {
			t.Error("nobody is told")
		}
	})
	t.Run("a slow session holds the keyboard back, and loses nothing", func(t *testing.T) {
		t.Parallel()
		k := newTyped()
		k.open()
		k.put(make([]byte, maxTyped), true)
		put := make(chan struct{})
		go func() {
			defer close(put)
			k.put([]byte("more"), true)
		}()
		if got := taken(t, k); len(got) != maxTyped {
			t.Errorf("%d bytes are taken", len(got))
		}
		<-put
		if got := taken(t, k); got != "more" {
			t.Errorf("%q is taken", got)
		}
	})
}

func TestHead(t *testing.T) {
	t.Parallel()
	h := &head{limit: 4}
	for _, part := range []string{"ab", "cde", "f"} {
		if n, err := h.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("%q: %d bytes, %v", part, n, err)
		}
	}
	if got := h.bytes(); !bytes.Equal(got, []byte("abcd")) {
		t.Errorf("%q is kept", got)
	}
}
