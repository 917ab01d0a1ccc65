package hub

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func decode(raw json.RawMessage, v any) error { return json.Unmarshal(raw, v) }

func TestAnUnchangedScreenIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(7, "screen\n")
	w := newWorld(t, Options{}, s)
	w.linked("s")
	for range 5 {
		if text, reply := w.peek("s", wire.Peek{Lines: 10}); text != "screen\n" || reply.Screen != 7 || reply.Unchanged {
			t.Fatalf("got %q, %+v", text, reply)
		}
	}
	if n := s.count(wire.OpPeek); n != 1 {
		t.Errorf("agentd was asked %d times", n)
	}
	// Whoever holds the text needs none.
	if text, reply := w.peek("s", wire.Peek{Lines: 10, Have: 7}); text != "" || !reply.Unchanged {
		t.Errorf("got %q, %+v", text, reply)
	}
	// Another number of lines is another text, and both are kept.
	for range 3 {
		w.peek("s", wire.Peek{Lines: 0})
		w.peek("s", wire.Peek{Lines: 10})
	}
	if n := s.count(wire.OpPeek); n != 2 {
		t.Errorf("agentd was asked %d times for two texts", n)
	}
}

func TestAChangedScreenIsAskedFor(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(7, "before\n")
	w := newWorld(t, Options{}, s)
	known := w.linked("s")
	w.peek("s", wire.Peek{Lines: 10})
	s.set(func() { s.status.Screen, s.text = 8, "after\n" })
	w.await(known, func() bool { return known.status.Screen == 8 })
	for _, have := range []uint64{0, 7} {
		if text, reply := w.peek("s", wire.Peek{Lines: 10, Have: have}); text != "after\n" || reply.Screen != 8 {
			t.Errorf("with %d: got %q, %+v", have, text, reply)
		}
	}
	// The push came for nothing: agentd says so, and the text that is held is the answer.
	s.set(func() { s.status.Screen = 9 })
	w.await(known, func() bool { return known.status.Screen == 9 })
	s.quietly(func() { s.status.Screen = 8 })
	if text, reply := w.peek("s", wire.Peek{Lines: 10}); text != "after\n" || reply.Screen != 8 {
		t.Errorf("got %q, %+v", text, reply)
	}
}

// Each of these writes to the screen. The push that tells of it may be late.
func TestAPeekAfterAnOwnWriteIsNeverOld(t *testing.T) {
	t.Parallel()
	for _, op := range []wire.Op{wire.OpNudge, wire.OpKeys, wire.OpInterrupt, wire.OpClear} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			s := newFake(t, "s").running(7, "before\n")
			w := newWorld(t, Options{}, s)
			w.linked("s")
			w.peek("s", wire.Peek{Lines: 10})
			s.quietly(func() { s.status.Screen, s.text = 8, "after\n" })
			call, err := w.conn.Open(t.Context(), mux.Request{Op: op, Session: "s", Body: wire.Keys{Keys: []string{"x"}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := call.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if err := call.Result(nil); err != nil {
				t.Fatal(err)
			}
			if text, _ := w.peek("s", wire.Peek{Lines: 10, Have: 7}); text != "after\n" {
				t.Errorf("got %q", text)
			}
			asked := s.count(wire.OpPeek)
			// It was asked after the write, so it holds again.
			if text, _ := w.peek("s", wire.Peek{Lines: 10}); text != "after\n" || s.count(wire.OpPeek) != asked {
				t.Errorf("got %q, asking %d times more", text, s.count(wire.OpPeek)-asked)
			}
		})
	}
}

func TestAPeekThatAWriteOvertakesIsNotKept(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(7, "before\n")
	reached, release := make(chan struct{}), make(chan struct{})
	s.handlers[wire.OpPeek] = func(_ context.Context, x *mux.Exchange) (any, error) {
		close(reached)
		<-release
		_, err := io.WriteString(x, "before\n")
		return wire.PeekReply{Screen: 7}, err
	}
	w := newWorld(t, Options{}, s)
	w.linked("s")
	first := make(chan string, 1)
	go func() {
		text, _ := w.peek("s", wire.Peek{Lines: 10})
		first <- text
	}()
	<-reached
	if err := w.ask(wire.OpKeys, "s", wire.Keys{Keys: []string{"x"}}, nil); err != nil {
		t.Fatal(err)
	}
	close(release)
	if text := <-first; text != "before\n" {
		t.Fatalf("got %q", text) // it was asked before the write, so this is right
	}
	s.mu.Lock()
	delete(s.handlers, wire.OpPeek)
	s.status.Screen, s.text = 8, "after\n"
	s.mu.Unlock()
	if text, _ := w.peek("s", wire.Peek{Lines: 10}); text != "after\n" {
		t.Errorf("after the write: got %q", text)
	}
}

func TestNothingIsKeptOverALostLink(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(7, "before\n")
	w := newWorld(t, Options{}, s)
	known := w.linked("s")
	link := known.conn
	w.peek("s", wire.Peek{Lines: 10})
	// The agentd that comes after counts from somewhere else, here by chance to the same number.
	s.quietly(func() { s.text = "after\n" })
	s.drop(wire.CloseShutdown)
	w.await(known, func() bool { return known.conn != link })
	if text, _ := w.peek("s", wire.Peek{Lines: 10}); text != "after\n" {
		t.Errorf("got %q", text)
	}
}

func TestALongTextIsPassedOnWholeAndNotKept(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789abcde\n", (maxPeekText+4096)/16)
	s := newFake(t, "s").running(7, long)
	w := newWorld(t, Options{}, s)
	w.linked("s")
	for range 2 {
		if text, reply := w.peek("s", wire.Peek{}); text != long || reply.Screen != 7 {
			t.Fatalf("got %d bytes, %+v", len(text), reply)
		}
	}
	if n := s.count(wire.OpPeek); n != 2 {
		t.Errorf("agentd was asked %d times", n)
	}
}

func TestAPeekIsAskedAgainWhenTheLinkGoes(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(7, "screen\n")
	left := 3
	s.handlers[wire.OpPeek] = func(ctx context.Context, x *mux.Exchange) (any, error) {
		s.mu.Lock()
		left--
		last := left == 0
		if last {
			delete(s.handlers, wire.OpPeek)
		}
		s.mu.Unlock()
		s.drop(wire.CloseShutdown)
		return nil, ctx.Err()
	}
	w := newWorld(t, Options{}, s)
	w.linked("s")
	if text, _ := w.peek("s", wire.Peek{Lines: 10}); text != "screen\n" {
		t.Errorf("got %q", text)
	}
}
