package tmux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestRepliesReachTheirCallersInAnyInterleaving(t *testing.T) {
	t.Parallel()
	c, _ := testServer(t, "cat", nil)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for j := range 20 {
				want := fmt.Sprintf("%d-%d\n", i, j)
				got, err := c.Run(t.Context(), "display-message", "-p", strings.TrimSpace(want))
				if err != nil || string(got) != want {
					t.Errorf("got %q, %v, want %q", got, err, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestARefusedCommandIsACommandErrorAndTheConnectionGoesOn(t *testing.T) {
	t.Parallel()
	c, _ := testServer(t, "cat", nil)
	for _, args := range [][]string{{"no-such-command"}, {"kill-pane", "-t", "%99"}, {"display-message", "-Z"}} {
		_, err := c.Run(t.Context(), args...)
		var refused *CommandError
		if !errors.As(err, &refused) || refused.Text == "" || refused.Command != args[0] {
			t.Errorf("%q: got %v, want a CommandError", args, err)
		}
	}
	if got := run(t, c, "display-message", "-p", "still here"); got != "still here\n" {
		t.Errorf("got %q", got)
	}
}

func TestASequenceGivesEachReplyAndEndsAtTheFirstRefusal(t *testing.T) {
	t.Parallel()
	c, _ := testServer(t, "cat", nil)
	replies, err := c.Sequence(t.Context(), []string{"display-message", "-p", "one"}, []string{"set-option", "-g", "@x", "; y"}, []string{"display-message", "-p", "#{@x}"})
	if err != nil || len(replies) != 3 || string(replies[0]) != "one\n" || len(replies[1]) != 0 || string(replies[2]) != "; y\n" {
		t.Errorf("got %q, %v", replies, err)
	}
	var refused *CommandError
	if _, err := c.Sequence(t.Context(), []string{"display-message", "-p", "one"}, []string{"kill-pane", "-t", "%99"}, []string{"display-message", "-p", "three"}); !errors.As(err, &refused) {
		t.Errorf("got %v, want a CommandError", err)
	}
	if got := run(t, c, "display-message", "-p", "four"); got != "four\n" {
		t.Errorf("got %q: the replies are out of step", got)
	}
}

func TestAScreenThatLooksLikeProtocolIsData(t *testing.T) {
	t.Parallel()
	seen := make(chan struct{}, 1)
	c, _ := testServer(t, `printf '%%end 1 2 1\n%%begin 1 2 1\n%%error 1 2 1\n%%exit\n%%output %%0 x\n'; cat`, func(e Event) {
		if e.Kind == Output {
			select {
			case seen <- struct{}{}:
			default:
			}
		}
	})
	const want = "%end 1 2 1\n%begin 1 2 1\n%error 1 2 1\n%exit\n%output %0 x\n"
	for !strings.HasPrefix(run(t, c, "capture-pane", "-p", "-t", "%0"), want) {
		wait(t, "output", seen)
	}
}

func TestAnEndedContextFreesItsCallerAloneAndALaterReplyIsDropped(t *testing.T) {
	t.Parallel()
	c, _ := testServer(t, "cat", nil)
	ctx, cancel := context.WithCancel(t.Context())
	blocked := make(chan error, 1)
	go func() {
		_, err := c.Run(ctx, "wait-for", "go-on")
		blocked <- err
	}()
	// The next command is queued behind the blocked one in tmux, and must get its own reply.
	next := make(chan string, 1)
	go func() {
		out, _ := c.Run(t.Context(), "display-message", "-p", "next")
		next <- string(out)
	}()
	cancel()
	if err := wait(t, "the cancelled call", blocked); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if out, err := (Options{Dir: optionsOf(t, c)}).Command("wait-for", "-S", "go-on").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := wait(t, "the call after it", next); got != "next\n" {
		t.Errorf("got %q", got)
	}
}

// optionsOf gives the TMUX_TMPDIR that c's client was started with.
func optionsOf(t *testing.T, c *Control) string {
	t.Helper()
	for _, kv := range c.cmd.Env {
		if dir, ok := strings.CutPrefix(kv, "TMUX_TMPDIR="); ok {
			return dir
		}
	}
	t.Fatal("no TMUX_TMPDIR")
	return ""
}

func TestWaysInWhichAConnectionEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		end            func(t *testing.T, c *Control)
		exited, server bool
		again          bool // the session can be attached to again
	}{
		{"the session is killed", func(t *testing.T, c *Control) { _, _ = c.Run(t.Context(), "kill-session", "-t", "=main") }, true, false, false},
		{"the server is told to end", func(t *testing.T, c *Control) { _, _ = c.Run(t.Context(), "kill-server") }, true, false, false},
		{"the server is killed", func(t *testing.T, c *Control) { kill(t, serverPID(t, c), syscall.SIGKILL) }, true, true, false},
		{"the client is killed", func(t *testing.T, c *Control) { kill(t, c.PID(), syscall.SIGKILL) }, false, false, true},
		{"the client is detached", func(t *testing.T, c *Control) { _, _ = c.Run(t.Context(), "detach-client") }, true, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, o := testServer(t, "cat", nil)
			tt.end(t, c)
			wait(t, "the end of the connection", c.Done())
			var lost *LostError
			if err := c.Err(); !errors.As(err, &lost) || lost.Exited != tt.exited || lost.ServerDied() != tt.server {
				t.Errorf("got %#v", err)
			}
			if _, err := c.Run(t.Context(), "display-message", "-p", "x"); !errors.As(err, &lost) {
				t.Errorf("a call after the end: got %v, want a LostError", err)
			}
			again, err := Attach(t.Context(), o, "=main")
			switch {
			case tt.again && err == nil:
				if got := run(t, again, "display-message", "-p", "#{pane_id}"); got != "%0\n" {
					t.Errorf("got %q", got)
				}
				_ = again.Close()
			case tt.again:
				t.Errorf("attach again: %v", err)
			case !errors.Is(err, ErrNoSession):
				t.Errorf("attach again: got %v, want ErrNoSession", err)
			}
		})
	}
}

func kill(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
}

func serverPID(t *testing.T, c *Control) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(run(t, c, "display-message", "-p", "#{pid}")))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestAttachSaysThatThereIsNoSession(t *testing.T) {
	t.Parallel()
	_, running := testServer(t, "cat", nil)
	for name, o := range map[string]Options{"no server": testOptions(t, nil), "another session's server": running} {
		if _, err := Attach(t.Context(), o, "=absent"); !errors.Is(err, ErrNoSession) {
			t.Errorf("%s: got %v, want ErrNoSession", name, err)
		}
	}
}

func TestAStartThatFailsLeavesNoServerAndTellsWhatTmuxSaid(t *testing.T) {
	t.Parallel()
	o := testOptions(t, nil)
	_, err := Start(t.Context(), o, "set -g exit-empty off\nnew-session -d -s main -x nonsense\n", "=main")
	if err == nil || !strings.Contains(err.Error(), "width") {
		t.Errorf("got %v, want tmux's complaint about the width", err)
	}
	if err := o.Command("list-sessions").Run(); err == nil {
		t.Error("a server is left")
	}
}

func TestStartWithoutDevFdTakesAPrivateFileAndRemovesIt(t *testing.T) {
	t.Parallel()
	o := testOptions(t, nil)
	c, err := startFile(t.Context(), o, testConfig("cat"), "=main")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := run(t, c, "display-message", "-p", "#{session_name}"); got != "main\n" {
		t.Errorf("got %q", got)
	}
	entries, err := os.ReadDir(o.Dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v, want the socket's folder alone", entries, err)
	}
}

func TestAConfigurationLargerThanAPipeIsReadWhole(t *testing.T) {
	t.Parallel()
	o := testOptions(t, nil)
	value := strings.Repeat("ü\"$\\", 100_000)
	line, err := Line("set-environment", "-g", "BIG", value)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Start(t.Context(), o, line+"\n"+testConfig("cat"), "=main")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := run(t, c, "show-environment", "-g", "BIG"); got != "BIG="+value+"\n" {
		t.Errorf("got %d bytes, want %d", len(got), len(value)+5)
	}
}

func TestEventsTellOfRenamesAndOutput(t *testing.T) {
	t.Parallel()
	events := make(chan Event, 1000)
	c, _ := testServer(t, "cat", func(e Event) {
		select {
		case events <- e:
		default:
		}
	})
	run(t, c, "display-message", "-p", "x") // what is told of the start comes before the reply
	for len(events) > 0 {
		<-events
	}
	run(t, c, "rename-session", "-t", "=main", "new name")
	run(t, c, "send-keys", "-t", "%0", "-l", `tab\`+"ü")
	run(t, c, "send-keys", "-t", "%0", "Enter")
	const line = `tab\134ü\015\012` // the terminal's echo, and then cat's
	renamed, printed := false, 0
	for !renamed || printed < 2*len(line) {
		switch e := wait(t, "events", events); e.Kind {
		case SessionsChanged:
			renamed = true
		case Output:
			printed += e.Bytes
		}
	}
	if printed != 2*len(line) {
		t.Errorf("told of %d bytes, want %d", printed, 2*len(line))
	}
}
