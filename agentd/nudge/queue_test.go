package nudge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

func TestDelivery(t *testing.T) {
	t.Parallel()
	swallow := func(n int) func(*terminal, string) error {
		return func(p *terminal, s string) error {
			if s == "enter" && n > 0 {
				n--
				return nil
			}
			return echoing(p, s)
		}
	}
	for name, c := range map[string]struct {
		program func(*terminal, string) error
		text    string
		took    time.Duration
		log     []string
	}{
		"text is pasted, and submitted once it has come to rest": {echoing, "hi", 160 * time.Millisecond, []string{"paste hi", "enter"}},
		"a program without an echo gets one Enter, later":        {nil, "hi", echoBegins + 2*time.Second/bytesASecond, []string{"paste hi", "enter"}},
		"a slash command is typed":                               {echoing, "/help", 160 * time.Millisecond, []string{"type /help", "enter"}},
		"a swallowed Enter is pressed again":                     {swallow(1), "hi", 760 * time.Millisecond, []string{"paste hi", "enter", "enter"}},
		"at most three times":                                    {swallow(9), "hi", 4340 * time.Millisecond, []string{"paste hi", "enter", "enter", "enter"}},
		"nothing is submitted for an empty message":              {echoing, "\n", 0, nil},
		"a slow answer to Enter is waited for": {func(p *terminal, s string) error {
			if s == "enter" {
				time.AfterFunc(500*time.Millisecond, func() { p.show(func(s *Screen) { s.CursorY++ }) })
				return nil
			}
			return echoing(p, s)
		}, "hi", 640 * time.Millisecond, []string{"paste hi", "enter"}},
		"a clock does not hide a swallowed Enter": {func(p *terminal, s string) error {
			if s != "enter" || len(p.logged()) == 3 {
				return echoing(p, s)
			}
			p.show(func(s *Screen) { s.Text = "12:00" + "\n" + s.Text; s.CursorY++ })
			return nil
		}, "hello", 760 * time.Millisecond, []string{"paste hello", "enter", "enter"}},
		"output that is no change is no echo": {func(p *terminal, s string) error {
			p.show(func(*Screen) {})
			return nil
		}, "hi", 120 * time.Millisecond, []string{"paste hi", "enter"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newTerminal(c.program)
			run(t, p, func(t *testing.T, q *Queue, _ context.CancelCauseFunc) {
				begin := time.Now()
				if err := q.Nudge(t.Context(), "", []byte(c.text)); err != nil {
					t.Error(err)
				}
				if took := time.Since(begin); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
				want(t, p, c.log...)
			})
		})
	}
}

func TestDeliveryIntoAProgramThatNeverRests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := newTerminal(nil)
		p.onInput = func(p *terminal, s string) error {
			p.show(func(screen *Screen) { screen.Text = strings.TrimPrefix(s, "paste ") })
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			for ctx.Err() == nil {
				p.show(func(s *Screen) { s.CursorX++ })
				time.Sleep(30 * time.Millisecond)
			}
		})
		q := open(p, dir, false)
		wg.Go(func() { q.Run(ctx) })
		begin := time.Now()
		for range 50 {
			if err := q.Nudge(ctx, "", []byte("hello")); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("50 nudges took %v", took)
		}
		cancel()
		wg.Wait()
	})
}

func TestDeliveryLeavesCopyMode(t *testing.T) {
	t.Parallel()
	p := newTerminal(nil)
	p.mode = true
	p.onInput = func(p *terminal, s string) error {
		if s == "paste hi" {
			p.mode = true // somebody scrolls back
		}
		return nil
	}
	run(t, p, func(t *testing.T, q *Queue, _ context.CancelCauseFunc) {
		if err := q.Nudge(t.Context(), "", []byte("hi")); err != nil {
			t.Error(err)
		}
		want(t, p, "leave", "paste hi", "leave", "enter")
	})
}

func TestQueueKeepsTheOrder(t *testing.T) {
	t.Parallel()
	p := newTerminal(echoing)
	run(t, p, func(t *testing.T, q *Queue, _ context.CancelCauseFunc) {
		var wg sync.WaitGroup
		var log []string
		for i := range 20 {
			text := fmt.Sprintf("message %d", i)
			log = append(log, "paste "+text, "enter")
			wg.Go(func() {
				if err := q.Nudge(t.Context(), "", []byte(text)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // it is queued
		}
		wg.Wait()
		want(t, p, log...)
	})
}

func TestQueueIsCancelledBeforeItsTurnOnly(t *testing.T) {
	t.Parallel()
	p := newTerminal(echoing)
	run(t, p, func(t *testing.T, q *Queue, _ context.CancelCauseFunc) {
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- q.Nudge(ctx, "1", []byte("first")) }()
		synctest.Wait()
		go func() { second <- q.Nudge(ctx, "2", []byte("second")) }()
		synctest.Wait()
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) || wire.CodeOf(err) != wire.CodeCanceled {
			t.Errorf("queued: %v", err)
		}
		if err := <-first; err != nil {
			t.Errorf("begun: %v", err)
		}
		if err := q.Nudge(ctx, "3", []byte("third")); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before it was asked for: %v", err)
		}
		want(t, p, "paste first", "enter")
		if err := q.Nudge(t.Context(), "2", []byte("second")); err != nil {
			t.Errorf("the key of a cancelled nudge can't be used again: %v", err)
		}
		want(t, p, "paste first", "enter", "paste second", "enter")
	})
}

func TestKeysMakeRepeatsSafe(t *testing.T) {
	t.Parallel()
	p := newTerminal(echoing)
	run(t, p, func(t *testing.T, q *Queue, _ context.CancelCauseFunc) {
		nudge := func(ctx context.Context, key string) chan error {
			done := make(chan error, 1)
			go func() { done <- q.Nudge(ctx, key, []byte("text of "+key)) }()
			synctest.Wait()
			return done
		}
		ctx, cancel := context.WithCancel(t.Context())
		other := nudge(t.Context(), "other")
		lost := nudge(ctx, "k")
		again := nudge(t.Context(), "k")
		cancel() // the first caller goes while its message is queued; the second still wants it
		if err := <-lost; !errors.Is(err, context.Canceled) {
			t.Errorf("the caller that went: %v", err)
		}
		if err := errors.Join(<-other, <-again, <-nudge(t.Context(), "k")); err != nil {
			t.Error(err)
		}
		want(t, p, "paste text of other", "enter", "paste text of k", "enter")
		for i := range Remembered - 1 {
			<-nudge(t.Context(), fmt.Sprint(i))
		}
		n := len(p.logged())
		<-nudge(t.Context(), "k")
		if len(p.logged()) != n {
			t.Errorf("key forgotten after %d others", Remembered-1)
		}
		<-nudge(t.Context(), "one more")
		<-nudge(t.Context(), "k")
		if len(p.logged()) != n+4 {
			t.Errorf("key still known after %d others", Remembered)
		}
		synctest.Wait()
		q.mu.Lock()
		defer q.mu.Unlock()
		if len(q.known) != Remembered || len(q.done) != Remembered {
			t.Errorf("%d keys known, %d done", len(q.known), len(q.done))
		}
	})
}

func TestFailures(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	t.Run("a paste that failed may be tried again with the same key", func(t *testing.T) {
		t.Parallel()
		fail := true
		p := newTerminal(func(p *terminal, s string) error {
			if fail {
				return broken
			}
			return nil
		})
		run(t, p, func(t *testing.T, q *Queue, _ context.CancelCauseFunc) {
			if err := q.Nudge(t.Context(), "k", []byte("hi")); !errors.Is(err, broken) {
				t.Errorf("got %v", err)
			}
			fail = false
			if err := q.Nudge(t.Context(), "k", []byte("hi")); err != nil {
				t.Error(err)
			}
			want(t, p, "paste hi", "paste hi", "enter")
		})
	})
	t.Run("text that was typed is not typed again after its Enter failed", func(t *testing.T) {
		t.Parallel()
		p := newTerminal(func(p *terminal, s string) error {
			if s == "enter" {
				return broken
			}
			return nil
		})
		run(t, p, func(t *testing.T, q *Queue, _ context.CancelCauseFunc) {
			for range 2 {
				if err := q.Nudge(t.Context(), "k", []byte("hi")); !errors.Is(err, broken) {
					t.Errorf("got %v", err)
				}
			}
			want(t, p, "paste hi", "enter")
		})
	})
	t.Run("a message over the limit is refused", func(t *testing.T) {
		t.Parallel()
		p := newTerminal(nil)
		run(t, p, func(t *testing.T, q *Queue, _ context.CancelCauseFunc) {
			if err := q.Nudge(t.Context(), "", make([]byte, wire.MaxNudge+1)); wire.CodeOf(err) != wire.CodeTooLarge {
				t.Errorf("got %v", err)
			}
			want(t, p)
		})
	})
}

func TestTheEndOfRunIsToldToAll(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cause error
		code  wire.Code
	}{
		"with its cause":           {wire.Errorf(wire.CodeNoSession, "the session has ended"), wire.CodeNoSession},
		"as unavailable otherwise": {nil, wire.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, newTerminal(nil), func(t *testing.T, q *Queue, stop context.CancelCauseFunc) {
				done := make(chan error, 2)
				for _, text := range []string{"begun", "queued"} {
					go func() { done <- q.Nudge(t.Context(), text, []byte(text)) }()
					synctest.Wait()
				}
				stop(c.cause)
				for _, err := range []error{<-done, <-done, q.Nudge(t.Context(), "late", []byte("late"))} {
					if wire.CodeOf(err) != c.code {
						t.Errorf("got %v", err)
					}
				}
			})
		})
	}
}
