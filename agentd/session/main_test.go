package session

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gascity/agentd/agentd/tmux"
	"github.com/gascity/agentd/agentd/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait for an event, on a machine that does much else.
const patience = 30 * time.Second

// place is where a test's session lives; several Sessions may live there one after another.
type place struct {
	t   *testing.T
	cfg Config
	out *lockedBuffer
}

func newPlace(t *testing.T) *place {
	t.Helper()
	needs(t, "tmux")
	short, err := os.MkdirTemp("", "a") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	out := &lockedBuffer{}
	p := &place{t: t, out: out, cfg: Config{
		RunDir: short, TmuxDir: short, StateDir: state, TerminationLog: filepath.Join(state, "termination"),
		Grace: 5 * time.Second, Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)), Output: out,
	}}
	t.Cleanup(func() {
		_ = p.options().Command("kill-server").Run()
		if err := os.RemoveAll(short); err != nil {
			t.Error(err)
		}
	})
	return p
}

// needs skips a test whose program is missing, unless all of them were promised.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("AGENTD_REQUIRE_ALL") == "1" {
		t.Fatalf("%s not installed", program)
	}
	t.Skipf("%s not installed", program)
}

func (p *place) options() tmux.Options { return tmux.Options{Dir: p.cfg.TmuxDir} }

// run starts a Session. leave makes it leave; it does so at the test's end at the latest. exit gives what Run returned.
func (p *place) run() (s *Session, leave func(), exit func() (wire.Exit, error)) {
	p.t.Helper()
	s = New(p.cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var result wire.Exit
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		result, err = s.Run(ctx)
	}()
	leave = func() { cancel(); <-done }
	p.t.Cleanup(leave)
	return s, leave, func() (wire.Exit, error) {
		p.t.Helper()
		wait(p.t, "the session's end", done)
		return result, err
	}
}

// tmux runs a tmux command as anyone else would.
func (p *place) tmux(args ...string) string {
	p.t.Helper()
	out, err := p.options().Command(args...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

func (p *place) state(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.cfg.StateDir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// launched runs a session with the command in it.
func launched(t *testing.T, command string) (*place, *Session) {
	t.Helper()
	p := newPlace(t)
	s, _, _ := p.run()
	if _, err := s.Launch(t.Context(), "", wire.Launch{Command: command, WorkDir: t.TempDir(), Columns: 80, Rows: 24}, nil); err != nil {
		t.Fatal(err)
	}
	return p, s
}

func wait(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c:
	case <-timer.C:
		t.Fatalf("waited in vain for %s", what)
	}
}

// until waits for a status that ok likes.
func until(t *testing.T, s *Session, what string, ok func(wire.Status) bool) wire.Status {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		changed := s.Changed()
		if st := s.Status(); ok(st) {
			return st
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("waited in vain for %s; the status is %+v", what, s.Status())
		}
	}
}

// shows waits until the screen holds the text.
func shows(t *testing.T, s *Session, text string) {
	t.Helper()
	until(t, s, "a screen with "+text, func(wire.Status) bool { return strings.Contains(peek(t, s, 0), text) })
}

func peek(t *testing.T, s *Session, lines int) string {
	t.Helper()
	text, _, err := s.Peek(t.Context(), wire.Peek{Lines: lines})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}
