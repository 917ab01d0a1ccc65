package nudge

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// terminal is a program on a terminal in virtual time. What it does on input is up to the test.
type terminal struct {
	mu     sync.Mutex
	log    []string // "paste x", "type x", "enter"
	screen Screen
	seq    uint64
	at     time.Time
	next   chan struct{}
	mode   bool
	mark   string
	queue  *Queue // that types into it, where a test needs it

	onInput func(t *terminal, input string) error // called without the lock
}

func newTerminal(onInput func(*terminal, string) error) *terminal {
	return &terminal{next: make(chan struct{}), onInput: onInput}
}

// show changes the screen and counts as output.
func (t *terminal) show(change func(*Screen)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.screen)
	t.seq++
	t.at = time.Now()
	close(t.next)
	t.next = make(chan struct{})
}

func (t *terminal) input(s string) error {
	t.mu.Lock()
	t.log = append(t.log, s)
	t.mu.Unlock()
	if t.onInput == nil {
		return nil
	}
	return t.onInput(t, s)
}

func (t *terminal) logged() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.log)
}

func (t *terminal) InMode(context.Context) (bool, error) { return t.mode, nil }
func (t *terminal) LeaveMode(context.Context) error {
	t.mode = false
	return t.input("leave")
}
func (t *terminal) Paste(_ context.Context, _ string, s []byte, mark string) error {
	return t.marked(mark, "paste "+string(s))
}
func (t *terminal) Type(_ context.Context, s, mark string) error { return t.marked(mark, "type "+s) }
func (t *terminal) Enter(_ context.Context, mark string) error   { return t.marked(mark, "enter") }

func (t *terminal) Mark(context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mark, nil
}

// marked takes input, which fails before anything came of it or has set the mark.
func (t *terminal) marked(mark, s string) error {
	err := t.input(s)
	if err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.mark = mark
	}
	return err
}
func (t *terminal) Capture(ctx context.Context) (Screen, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screen, ctx.Err()
}
func (t *terminal) Output() Output {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Output{Seq: t.seq, At: t.at, Next: t.next}
}

// echoing shows what is pasted and answers an Enter, each after a while.
func echoing(t *terminal, s string) error {
	go func() {
		time.Sleep(20 * time.Millisecond)
		t.show(func(screen *Screen) {
			if s == "enter" {
				screen.Text += "\nok\n"
				screen.CursorY += 2
			} else {
				screen.Text += strings.TrimPrefix(s, "paste ")
			}
		})
	}()
	return nil
}

type ignore struct{}

func (ignore) Typing(time.Time, string) {}
func (ignore) Entering(time.Time)       {}
func (ignore) Abandoned(time.Time)      {}

// open makes a queue into p that keeps its messages in dir.
func open(p *terminal, dir string, resume bool) *Queue {
	return New(Config{Pane: p, Watcher: ignore{}, Dir: dir, Resume: resume})
}

// run runs f with a queue into p whose Run ends with cause when f has returned.
func run(t *testing.T, p *terminal, f func(t *testing.T, q *Queue, stop context.CancelCauseFunc)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p.next = make(chan struct{}) // of the bubble, or its time would stand still
		ctx, stop := context.WithCancelCause(t.Context())
		q := open(p, dir, false)
		var wg sync.WaitGroup
		wg.Go(func() { q.Run(ctx) })
		defer wg.Wait()
		defer stop(nil)
		f(t, q, stop)
		synctest.Wait()
	})
}

func want(t *testing.T, p *terminal, log ...string) {
	t.Helper()
	if got := p.logged(); !slices.Equal(got, log) {
		t.Errorf("the terminal got %q, want %q", got, log)
	}
}
