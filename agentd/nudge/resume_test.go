package nudge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

var errCrash = errors.New("this process ends")

// accept has messages accepted, without Run.
func accept(t *testing.T, q *Queue, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := q.Accept(t.Context(), "key of "+text, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

// during runs a queue until ctx ends, and gives f its time.
func during(q *Queue, f func(stop context.CancelCauseFunc)) {
	ctx, stop := context.WithCancelCause(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { q.Run(ctx) })
	f(stop)
	stop(errCrash)
	wg.Wait()
}

// drained waits until a queue has nothing left to do.
func drained(q *Queue) {
	for {
		q.mu.Lock()
		idle := len(q.waiting) == 0
		q.mu.Unlock()
		if entries, _ := os.ReadDir(q.store.dir); idle && !slices.ContainsFunc(entries, isMessage) {
			return
		}
		time.Sleep(time.Second) // virtual
	}
}

func isMessage(e os.DirEntry) bool { return len(e.Name()) == idDigits }

// Wherever the process ends, the next one goes on there: nothing is lost, nothing typed twice.
func TestASuccessorGoesOnWhereTheFirstEnded(t *testing.T) {
	t.Parallel()
	long := "/long " + strings.Repeat("x", 2*MaxTyped)
	for name, program := range map[string]func(*terminal, string) error{"a program that shows what is typed": echoing, "one that doesn't": nil} {
		for _, texts := range [][]string{{"first message", "second message", "third message"}, {long, "another"}} {
			var whole []string
			for _, text := range texts {
				kind := "paste "
				if text == long {
					kind = "type "
				}
				for _, s := range chunks(text, MaxTyped) {
					whole = append(whole, kind+s)
				}
				whole = append(whole, "enter")
			}
			for at := range len(whole) + 1 {
				t.Run(fmt.Sprintf("%s, ended after %d inputs of %d", name, at, len(whole)), func(t *testing.T) {
					t.Parallel()
					dir := t.TempDir()
					synctest.Test(t, func(t *testing.T) {
						p := newTerminal(nil)
						crashed := make(chan struct{})
						p.onInput = func(p *terminal, s string) error {
							if program != nil {
								_ = program(p, s)
							}
							if len(p.logged()) == at {
								close(crashed)
							}
							return nil
						}
						q := open(p, dir, false)
						accept(t, q, texts...)
						if at > 0 {
							during(q, func(context.CancelCauseFunc) { <-crashed })
						}
						q = open(p, dir, true)
						during(q, func(context.CancelCauseFunc) { drained(q) })
						want(t, p, whole...)
						// What was done before the crash is known after it, and what was done since.
						q = open(p, dir, true)
						accept(t, q, texts...)
						if n := q.Waiting(); n != 0 {
							t.Errorf("%d messages are to be typed again", n)
						}
					})
				})
			}
		}
	}
}

// A connection that drops while something is typed leaves it open whether it was: the mark knows.
func TestALostConnectionIsNoDoubt(t *testing.T) {
	t.Parallel()
	for _, done := range []bool{false, true} {
		for at, input := range []string{"paste hello", "enter"} {
			t.Run(fmt.Sprintf("%s, done: %v", input, done), func(t *testing.T) {
				t.Parallel()
				p := newTerminal(nil)
				lose := true
				p.onInput = func(p *terminal, s string) error {
					if s != input || !lose {
						return echoing(p, s)
					}
					lose = false
					if done {
						p.mu.Lock()
						p.mark = mark{id: parseID(p.queue), typed: len("hello"), enters: at}.String()
						p.mu.Unlock()
						_ = echoing(p, s)
					}
					return wire.Errorf(wire.CodeUnavailable, "the connection dropped")
				}
				run(t, p, func(t *testing.T, q *Queue, _ context.CancelCauseFunc) {
					p.queue = q
					if err := q.Nudge(t.Context(), "k", []byte("hello")); err != nil {
						t.Error(err)
					}
					log := []string{"paste hello", "enter"}
					if !done {
						log = slices.Insert(log, at, input)
					}
					want(t, p, log...)
				})
			})
		}
	}
}

func parseID(q *Queue) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.last
}

func TestAcceptReturnsBeforeTheTextIsTyped(t *testing.T) {
	t.Parallel()
	p := newTerminal(echoing)
	run(t, p, func(t *testing.T, q *Queue, _ context.CancelCauseFunc) {
		begin := time.Now()
		accept(t, q, "one", "two")
		if took := time.Since(begin); took != 0 {
			t.Errorf("accepted after %v", took)
		}
		drained(q)
		want(t, p, "paste one", "enter", "paste two", "enter")
	})
}

func TestAnAcceptedMessageStaysThoughOneWhoWaitsGoes(t *testing.T) {
	t.Parallel()
	p := newTerminal(echoing)
	run(t, p, func(t *testing.T, q *Queue, _ context.CancelCauseFunc) {
		accept(t, q, "one", "two")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := q.Nudge(ctx, "key of two", []byte("two")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() { gone <- q.Nudge(ctx, "key of two", []byte("two")) }()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		drained(q)
		want(t, p, "paste one", "enter", "paste two", "enter")
	})
}

func TestWhatIsDoneInTurnComesBetweenTheMessages(t *testing.T) {
	t.Parallel()
	p := newTerminal(echoing)
	run(t, p, func(t *testing.T, q *Queue, _ context.CancelCauseFunc) {
		accept(t, q, "one", "two")
		keys := func(ctx context.Context, name string) chan error {
			done := make(chan error, 1)
			go func() {
				done <- q.Do(ctx, func(ctx context.Context) error { return errors.Join(ctx.Err(), p.input(name)) })
			}()
			synctest.Wait()
			return done
		}
		ctx, cancel := context.WithCancel(t.Context())
		first, second := keys(t.Context(), "keys"), keys(ctx, "never pressed")
		accept(t, q, "three")
		if n := q.Waiting(); n != 2 {
			t.Errorf("%d messages wait, want 2", n)
		}
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
		drained(q)
		want(t, p, "paste one", "enter", "paste two", "enter", "keys", "paste three", "enter")
	})
}

func TestTheEndOfTheSessionDropsWhatIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := newTerminal(echoing)
		var told []error
		q := New(Config{Pane: p, Watcher: ignore{}, Dir: dir, Done: func(err error) { told = append(told, err) }})
		accept(t, q, "one", "two", "three")
		during(q, func(stop context.CancelCauseFunc) {
			if err := q.Nudge(t.Context(), "key of one", []byte("one")); err != nil {
				t.Error(err)
			}
			stop(wire.Errorf(wire.CodeNoSession, "stopped"))
		})
		if len(told) != 3 || told[0] != nil || wire.CodeOf(told[1]) != wire.CodeNoSession || wire.CodeOf(told[2]) != wire.CodeNoSession {
			t.Errorf("told of %v", told)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the folder is still there: %v", err)
		}
		if err := q.Accept(t.Context(), "late", []byte("late")); wire.CodeOf(err) != wire.CodeNoSession {
			t.Errorf("got %v", err)
		}
	})
}

func TestANewAgentGetsNothingThatWasMeantForTheLast(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := newTerminal(echoing)
		accept(t, open(p, dir, false), "one", "two")
		failed := 0
		q := New(Config{Pane: p, Watcher: ignore{}, Dir: dir, Done: func(error) { failed++ }})
		if failed != 2 {
			t.Errorf("%d messages count as failed, want 2", failed)
		}
		accept(t, q, "one")
		during(q, func(context.CancelCauseFunc) { drained(q) })
		want(t, p, "paste one", "enter")
	})
}

func TestTheQueueIsBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ size, fit int }{"in messages": {1, MaxWaiting}, "in bytes": {wire.MaxNudge, MaxWaitingBytes / wire.MaxNudge}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := open(newTerminal(nil), t.TempDir(), false)
			text := []byte(strings.Repeat("x", c.size))
			for range c.fit {
				if err := q.Accept(t.Context(), "", text); err != nil {
					t.Fatal(err)
				}
			}
			if err := q.Accept(t.Context(), "", text); wire.CodeOf(err) != wire.CodeUnavailable {
				t.Errorf("one more: %v", err)
			}
		})
	}
}

func TestAMessageThatCannotBeKeptIsNotAccepted(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	q := open(newTerminal(nil), filepath.Join(dir, "nudges"), true)
	if err := q.Accept(t.Context(), "k", []byte("hello")); wire.CodeOf(err) != wire.CodeUnavailable || q.Waiting() != 0 {
		t.Errorf("got %v, and %d messages wait", err, q.Waiting())
	}
}
