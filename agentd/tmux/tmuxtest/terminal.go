// Package tmuxtest runs programs in tmux for tests: a server of the test's own, with what nudges, activity and transcripts need of a pane.
package tmuxtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/gascity/agentd/agentd/nudge"
	"github.com/gascity/agentd/agentd/tmux"
	"github.com/gascity/agentd/agentd/transcript"
)

// Patience is how long a test waits for what must happen, on a busy machine.
const Patience = 30 * time.Second

// Need skips the test when a program is not installed, or fails it when AGENTD_REQUIRE_ALL=1 says that all are.
func Need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("AGENTD_REQUIRE_ALL") == "1" {
		t.Fatalf("%s not installed", program)
	}
	t.Skipf("%s not installed", program)
}

// Options say what runs in the terminal.
type Options struct {
	// Command is a shell command.
	Command string
	// Env adds to the environment, as KEY=value.
	Env []string
	// Columns and Rows default to 120×40.
	Columns, Rows int
	// HistoryLimit defaults to 10000.
	HistoryLimit int
	// Printed, if given, is called with the time of each piece of output. It must not block.
	Printed func(time.Time)
	// Resized, if given, is called when the window's size may change. It must not block.
	Resized func(time.Time)
}

// Terminal is a program in a tmux pane. It is a nudge.Pane.
type Terminal struct {
	t   testing.TB
	c   *tmux.Control
	o   tmux.Options
	dir string

	mu   sync.Mutex
	seq  uint64
	at   time.Time
	next chan struct{}
}

// Start runs a program until the test ends.
func Start(t testing.TB, o Options) *Terminal {
	t.Helper()
	Need(t, "tmux")
	dir, err := os.MkdirTemp("", "a") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	term := &Terminal{t: t, dir: dir, next: make(chan struct{})}
	term.o = tmux.Options{Dir: dir, Env: append(os.Environ(), o.Env...), Events: func(e tmux.Event) {
		switch e.Kind {
		case tmux.Output, tmux.Paused, tmux.Continued:
			now := time.Now()
			if o.Printed != nil {
				o.Printed(now)
			}
			term.printed(now)
		case tmux.LayoutChanged:
			if o.Resized != nil {
				o.Resized(time.Now())
			}
		}
	}}
	t.Cleanup(func() {
		_ = term.o.Command("kill-server").Run()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	term.c, err = tmux.Start(t.Context(), term.o, config(o), "=main")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = term.c.Close() })
	return term
}

func config(o Options) string {
	columns, rows, limit := o.Columns, o.Rows, o.HistoryLimit
	if columns == 0 {
		columns, rows = 120, 40
	}
	if limit == 0 {
		limit = 10000
	}
	line, _ := tmux.Line("new-session", "-d", "-s", "main", "-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows), o.Command)
	return fmt.Sprintf("set -g status off\nset -g remain-on-exit on\nset -g window-size latest\nset -g history-limit %d\nset -sg escape-time 10\n%s\n", limit, line)
}

func (t *Terminal) printed(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seq++
	t.at = at
	close(t.next)
	t.next = make(chan struct{})
}

// Dir is a folder of the terminal's own, with a short path.
func (t *Terminal) Dir() string { return t.dir }

// InMode is nudge.Pane's.
func (t *Terminal) InMode(ctx context.Context) (bool, error) {
	out, err := t.c.Run(ctx, "display-message", "-p", "-t", "%0", "#{pane_in_mode}")
	return strings.TrimSpace(string(out)) == "1", err
}

// LeaveMode is nudge.Pane's.
func (t *Terminal) LeaveMode(ctx context.Context) error {
	return t.run(ctx, "copy-mode", "-q", "-t", "%0")
}

// Paste is nudge.Pane's.
func (t *Terminal) Paste(ctx context.Context, buffer string, text []byte, mark string) error {
	name := filepath.Join(t.dir, buffer)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return err
	}
	defer os.Remove(name)
	return t.marked(ctx, mark, []string{"load-buffer", "-b", buffer, name}, []string{"paste-buffer", "-d", "-p", "-b", buffer, "-t", "%0"})
}

// Type is nudge.Pane's.
func (t *Terminal) Type(ctx context.Context, text, mark string) error {
	return t.marked(ctx, mark, []string{"send-keys", "-l", "-t", "%0", "--", text})
}

// Enter is nudge.Pane's.
func (t *Terminal) Enter(ctx context.Context, mark string) error {
	return t.marked(ctx, mark, []string{"send-keys", "-t", "%0", "Enter"})
}

// Mark is nudge.Pane's.
func (t *Terminal) Mark(ctx context.Context) (string, error) {
	out, err := t.c.Run(ctx, "display-message", "-p", "-t", "%0", "#{@mark}")
	return strings.TrimSuffix(string(out), "\n"), err
}

// marked carries commands out and sets the mark.
func (t *Terminal) marked(ctx context.Context, mark string, commands ...[]string) error {
	_, err := t.c.Sequence(ctx, append(commands, []string{"set-option", "-t", "main:", "@mark", mark})...)
	return err
}

// Capture is nudge.Pane's.
func (t *Terminal) Capture(ctx context.Context) (nudge.Screen, error) {
	var s nudge.Screen
	replies, err := t.c.Sequence(ctx, []string{"capture-pane", "-p", "-t", "%0"}, []string{"display-message", "-p", "-t", "%0", "#{cursor_x} #{cursor_y}"})
	if err != nil {
		return s, err
	}
	s.Text = string(replies[0])
	_, err = fmt.Sscan(string(replies[1]), &s.CursorX, &s.CursorY)
	return s, err
}

// Output is nudge.Pane's.
func (t *Terminal) Output() nudge.Output {
	t.mu.Lock()
	defer t.mu.Unlock()
	return nudge.Output{Seq: t.seq, At: t.at, Next: t.next}
}

// Snapshot is a transcript.Capture.
func (t *Terminal) Snapshot(ctx context.Context, lines int) (transcript.Snapshot, error) {
	at := time.Now()
	replies, err := t.c.Sequence(ctx,
		[]string{"display-message", "-p", "-t", "%0", transcript.Format},
		[]string{"capture-pane", "-p", "-t", "%0", "-S", fmt.Sprint(-lines)})
	if err != nil {
		return transcript.Snapshot{}, err
	}
	return transcript.ParseSnapshot(at, string(replies[0]), string(replies[1]))
}

// Keys sends keys by name.
func (t *Terminal) Keys(keys ...string) {
	t.t.Helper()
	t.Run(append([]string{"send-keys", "-t", "%0"}, keys...)...)
}

// Run has tmux carry out a command.
func (t *Terminal) Run(command ...string) string {
	t.t.Helper()
	out, err := t.c.Run(t.t.Context(), command...)
	if err != nil {
		t.t.Fatal(err)
	}
	return string(out)
}

func (t *Terminal) run(ctx context.Context, command ...string) error {
	_, err := t.c.Run(ctx, command...)
	return err
}

// Await waits until the screen's text is as wanted, looking after each output.
func (t *Terminal) Await(what string, wanted func(text string) bool) {
	t.t.Helper()
	timeout := time.NewTimer(Patience)
	defer timeout.Stop()
	for {
		out := t.Output()
		screen, err := t.Capture(t.t.Context())
		if err != nil {
			t.t.Fatal(err)
		}
		if wanted(screen.Text) {
			return
		}
		select {
		case <-out.Next:
		case <-timeout.C:
			t.t.Fatalf("%s did not come about; the screen shows:\n%s", what, screen.Text)
		}
	}
}

// AwaitText waits until the screen shows text.
func (t *Terminal) AwaitText(text string) {
	t.t.Helper()
	t.Await(fmt.Sprintf("%q on the screen", text), func(s string) bool { return strings.Contains(s, text) })
}

// Attach attaches a person's terminal of the given size until the test ends or the function it gives is called. That ends it as losing a terminal does.
func (t *Terminal) Attach(columns, rows uint16) (person *os.File, leave func()) {
	t.t.Helper()
	cmd := exec.Command("tmux", "-u", "-N", "-f", "/dev/null", "attach-session", "-t", "=main")
	cmd.Env = append(os.Environ(), "TMUX=", "TMUX_TMPDIR="+t.dir, "TERM=xterm-256color")
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: columns, Rows: rows})
	if err != nil {
		t.t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 4096)
		for {
			if _, err := f.Read(b); err != nil {
				return
			}
		}
	})
	leave = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		wg.Wait()
		_ = f.Close()
	})
	t.t.Cleanup(leave)
	return f, leave
}
