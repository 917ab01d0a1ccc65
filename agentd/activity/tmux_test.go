package activity_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/activity"
	"github.com/gascity/agentd/agentd/nudge"
	"github.com/gascity/agentd/agentd/tmux/tmuxtest"
)

// agent is a program in tmux whose activity is tracked as a session does it.
type agent struct {
	*tmuxtest.Terminal
	*activity.Tracker
	q      *nudge.Queue
	t      *testing.T
	kick   chan struct{} // there was output
	looked chan struct{} // the screen was looked at
}

func start(t *testing.T, command string) *agent {
	t.Helper()
	tracker := activity.New(time.Now(), "")
	a := &agent{t: t, Tracker: tracker, kick: make(chan struct{}, 1), looked: make(chan struct{})}
	a.Terminal = tmuxtest.Start(t, tmuxtest.Options{Command: command, Env: []string{"HISTFILE="}, Resized: tracker.Resized, Printed: func(at time.Time) {
		tracker.Output(at)
		select {
		case a.kick <- struct{}{}:
		default:
		}
	}})
	a.q = nudge.New(nudge.Config{Pane: a.Terminal, Watcher: tracker, Dir: t.TempDir()})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { a.q.Run(ctx) })
	wg.Go(func() { a.watch(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return a
}

// Output is the pane's, not the tracker's.
func (a *agent) Output(at time.Time) { a.Tracker.Output(at) }

// watch looks at the screen when that is due.
func (a *agent) watch(ctx context.Context) {
	for {
		var timer <-chan time.Time
		if due, ok := a.Due(); ok {
			timer = time.After(time.Until(due))
		}
		select {
		case <-ctx.Done():
			return
		case <-a.kick:
			continue
		case <-timer:
		}
		at := time.Now()
		screen, err := a.Capture(ctx)
		if err != nil {
			return
		}
		a.Looked(at, screen.Text)
		select {
		case a.looked <- struct{}{}:
		default:
		}
	}
}

// rest waits until all output has been looked at and none has come for the time within which a nudge's consequences come.
func (a *agent) rest() {
	a.t.Helper()
	deadline := time.After(tmuxtest.Patience)
	for {
		out := a.Terminal.Output()
		_, due := a.Due()
		quiet := time.NewTimer(time.Until(out.At.Add(300 * time.Millisecond)))
		if due {
			quiet.Reset(20 * time.Millisecond)
		}
		select {
		case <-out.Next:
		case <-quiet.C:
			if _, still := a.Due(); !still && !due {
				return
			}
		case <-deadline:
			a.t.Fatal("the program does not come to rest")
		}
		quiet.Stop()
	}
}

// looks waits until the screen was looked at so many times.
func (a *agent) looks(n int) {
	a.t.Helper()
	deadline := time.After(tmuxtest.Patience)
	for range n {
		select {
		case <-a.looked:
		case <-deadline:
			a.t.Fatal("the screen is not looked at")
		}
	}
}

// active holds when what f does makes the program active, or doesn't.
func (a *agent) active(want bool, f func()) {
	a.t.Helper()
	a.rest()
	was := a.Last()
	f()
	a.rest()
	if got := a.Last().After(was); got != want {
		a.t.Errorf("active: %v, want %v (the last activity went from %v to %v)", got, want, was, a.Last())
	}
}

func (a *agent) nudge(text string) func() {
	return func() {
		if err := a.q.Nudge(a.t.Context(), "", []byte(text)); err != nil {
			a.t.Error(err)
		}
	}
}

func shell(t *testing.T) *agent {
	t.Helper()
	tmuxtest.Need(t, "bash")
	a := start(t, `exec env PS1="me@host:~$ " bash --norc --noprofile`)
	a.AwaitText("me@host:~$")
	return a
}

func TestWhatANudgedShellDoes(t *testing.T) {
	t.Parallel()
	a := shell(t)
	a.active(true, a.nudge("date"))
	a.active(true, a.nudge("date"))
	a.active(false, a.nudge("true"))
	a.active(true, func() {
		a.nudge("sleep 1; echo wo''ken")()
		a.AwaitText("\nwoken")
	})
	a.active(false, func() { a.Keys("x", "BSpace") })
	a.active(false, a.nudge("sleep 1000"))
}

func (a *agent) Keys(keys ...string) {
	a.Tracker.Keys(time.Now())
	a.Terminal.Keys(keys...)
}

func TestAProgramThatPaintsTheSameIsIdle(t *testing.T) {
	t.Parallel()
	a := start(t, `while printf '\033[H\033[2J'; printf 'waiting\n> '; do sleep .1; done`)
	a.AwaitText("waiting")
	a.looks(4) // until the launch, maybe seen in pieces, has been counted
	was := a.Last()
	a.looks(15)
	if now := a.Last(); !now.Equal(was) {
		t.Errorf("active %v after it began to paint the same", now.Sub(was))
	}
}

func TestAProgramThatPrintsIsBusy(t *testing.T) {
	t.Parallel()
	a := start(t, `i=0; while sleep .1; do i=$((i+1)); echo $i; done`)
	for range 4 {
		was := a.Last()
		a.looks(2)
		if now := a.Last(); !now.After(was) {
			t.Error("no activity was seen")
		}
	}
}

func TestLookingAtAProgramIsNoActivityOfIts(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]*agent{
		"a shell":   shell(t),
		"an editor": viewer(t, "vim", "vim --clean -n -"),
		"a pager":   viewer(t, "less", "less -X"),
	} {
		t.Run(name, func(t *testing.T) {
			a.t = t
			for _, size := range [][2]uint16{{80, 24}, {200, 60}} {
				var leave func()
				a.active(false, func() {
					a.Resized(time.Now())
					_, leave = a.Attach(size[0], size[1])
				})
				a.active(false, func() {
					a.Resized(time.Now())
					leave()
				})
			}
		})
	}
}

// viewer runs a program that shows a text on the whole of the screen.
func viewer(t *testing.T, name, command string) *agent {
	t.Helper()
	tmuxtest.Need(t, name)
	a := start(t, `yes some text that is longer than a line of the terminal, which is why it wraps onto the next | head -100 | nl | `+command)
	a.AwaitText("some text")
	return a
}
