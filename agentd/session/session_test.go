package session

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

func TestAnAgentsEndIsNoticedWithItsStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, command string
		status        int
		signal        int
	}{
		{"success", "read x; exit 0", 0, 0},
		{"a status", "read x; exit 7", 7, 0},
		{"the largest status", "read x; exit 255", 255, 0},
		{"a signal", "read x; kill -9 $$", 137, 9},
		{"a signal that can be caught", "read x; kill -TERM $$", 143, 15},
		{"a child in the background that keeps the terminal", "read x; sleep 100 & exit 3", 3, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			s, _, exit := p.run()
			st, err := s.Launch(t.Context(), "k", wire.Launch{Command: "echo up; " + tt.command, WorkDir: t.TempDir()}, nil)
			if err != nil || st.State != wire.StateRunning || st.Started.IsZero() || st.Columns != 200 || st.Rows != 50 {
				t.Fatalf("%+v, %v", st, err)
			}
			if err := s.Keys(t.Context(), []string{"Enter"}); err != nil {
				t.Fatal(err)
			}
			got, err := exit()
			if err != nil || got.Status != tt.status || got.Signal != tt.signal || got.Reason != "" || got.Time.IsZero() {
				t.Errorf("%+v, %v", got, err)
			}
			if st := s.Status(); st.State != wire.StateExited || st.Exit == nil || st.Exit.Status != tt.status {
				t.Errorf("%+v", st)
			}
			if out := p.out.String(); !strings.HasPrefix(out, "up\n") {
				t.Errorf("transcript %q", out)
			}
			if text := p.state("termination"); !strings.HasPrefix(text, "up\n") || strings.Contains(text, "metadata") {
				t.Errorf("termination message %q", text)
			}
			if text := p.state("exit.json"); !strings.Contains(text, `"status":`+strconv.Itoa(tt.status)) {
				t.Errorf("exit.json %s", text)
			}
		})
	}
}

func TestALaunchTellsOfACommandThatCannotRun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, command, want string
		status              int
	}{
		{"no such command", "no-such-command-anywhere", "no-such-command-anywhere", 127},
		{"no such command after another", "true && no-such-command-anywhere", "no-such-command-anywhere", 127},
		{"it ends in the delay", "echo I am broken; sleep 0.1; exit 4", "I am broken", 4},
		{"it ends at once", "exit 5", "agent exited with status 5 during start", 5},
		{"it ends silently", "exit 0", "agent exited with status 0 during start", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			s, _, exit := p.run()
			_, err := s.Launch(t.Context(), "", wire.Launch{Command: tt.command, WorkDir: t.TempDir(), ReadyDelayMS: 60_000}, nil)
			if wire.CodeOf(err) != wire.CodeFailed || !strings.Contains(err.Error(), "agent exited with status "+strconv.Itoa(tt.status)+" during start") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("launch: %v", err)
			}
			if got, err := exit(); err != nil || got.Status != tt.status {
				t.Errorf("exit %+v, %v", got, err)
			}
		})
	}
}

func TestASessionEndsWithItsTmux(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		end    func(p *place)
		status int
		reason string
	}{
		{"the session is killed", func(p *place) { p.tmux("kill-session", "-t", "main") }, 129, "session killed"},
		{"the server is told to end", func(p *place) { p.tmux("kill-server") }, 129, "session killed"},
		{"the pane is killed", func(p *place) { p.tmux("kill-pane", "-t", "main") }, 129, "session killed"},
		{"the pane is killed and another stays", func(p *place) { p.tmux("split-window", "-t", "main", "cat"); p.tmux("kill-pane", "-t", "%0") }, 129, "session killed"},
		{"the server is killed", func(p *place) { p.kill(p.serverPID(), syscall.SIGKILL) }, 1, "tmux died"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			s, _, exit := p.run()
			if _, err := s.Launch(t.Context(), "", wire.Launch{Command: `trap "" HUP TERM; echo "hello $$"; cat`, WorkDir: t.TempDir()}, nil); err != nil {
				t.Fatal(err)
			}
			shows(t, s, "hello")
			agent, err := strconv.Atoi(strings.TrimSpace(p.tmux("display-message", "-p", "-t", "%0", "#{pane_pid}")))
			if err != nil {
				t.Fatal(err)
			}
			tt.end(p)
			got, err := exit()
			if err != nil || got.Status != tt.status || got.Reason != tt.reason {
				t.Errorf("%+v, %v", got, err)
			}
			if running(agent) {
				t.Error("the agent's process outlived its session")
			}
			if p.options().Command("list-sessions").Run() == nil {
				t.Error("a tmux server is left")
			}
		})
	}
}

// running tells whether a process is alive, and no zombie.
func running(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	return !strings.Contains(string(stat), ") Z ")
}

func (p *place) serverPID() int {
	p.t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(p.tmux("display-message", "-p", "#{pid}")))
	if err != nil {
		p.t.Fatal(err)
	}
	return pid
}

func (p *place) kill(pid int, sig syscall.Signal) {
	p.t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		p.t.Fatal(err)
	}
}

func TestARenamedSessionIsRenamedBack(t *testing.T) {
	t.Parallel()
	p, s := launched(t, "cat")
	p.tmux("rename-session", "-t", "main", "other")
	waitTmux(t, p, "its old name", func() bool { return p.options().Command("has-session", "-t", "=main").Run() == nil })
	if st := s.Status(); st.State != wire.StateRunning {
		t.Errorf("%+v", st)
	}
}

// waitTmux waits for something that only tmux can be asked about.
func waitTmux(t *testing.T, _ *place, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestALostControlConnectionIsMadeAnew(t *testing.T) {
	t.Parallel()
	p, s := launched(t, "cat")
	for _, end := range []func(pid int){
		func(pid int) { p.kill(pid, syscall.SIGKILL) },
		func(int) { p.tmux("detach-client", "-s", "main") },
	} {
		a, err := s.live()
		if err != nil {
			t.Fatal(err)
		}
		old := a.connection()
		end(old.PID())
		wait(t, "another connection", old.replaced)
		if err := s.Nudge(t.Context(), "", []byte("hello")); err != nil {
			t.Fatal(err)
		}
		shows(t, s, "hello\nhello")
	}
	if st := s.Status(); st.State != wire.StateRunning {
		t.Errorf("%+v", st)
	}
}

func TestAnotherSessionAdoptsWhatTheFirstLeft(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	first, leave, _ := p.run()
	dir := t.TempDir()
	l := wire.Launch{Command: "echo up; cat", WorkDir: dir, Env: map[string]string{"GC_X": "1", "GC_DOLT_PASSWORD": "hidden", "SECRET": "s"}}
	before, err := first.Launch(t.Context(), "key", l, nil)
	if err != nil {
		t.Fatal(err)
	}
	shows(t, first, "up")
	leave()
	p.tmux("rename-session", "-t", "main", "elsewhere")
	second, _, exit := p.run()
	after, err := second.Launch(t.Context(), "key", l, nil)
	if err != nil || after.State != wire.StateRunning || !after.Started.Equal(before.Started) || after.Screen <= before.Screen || after.Columns != 200 {
		t.Fatalf("before %+v, after %+v, %v", before, after, err)
	}
	if _, err := second.Launch(t.Context(), "another", l, nil); wire.CodeOf(err) != wire.CodeState {
		t.Errorf("another launch: %v", err)
	}
	if second.WorkDir() != dir {
		t.Errorf("work dir %q", second.WorkDir())
	}
	waitTmux(t, p, "its old name", func() bool { return p.options().Command("has-session", "-t", "=main").Run() == nil })
	if meta, err := second.MetaList(t.Context()); err != nil || len(meta) != 1 || meta["GC_X"] != "1" {
		t.Errorf("meta %v, %v", meta, err)
	}
	if err := second.Nudge(t.Context(), "", []byte("still there?")); err != nil {
		t.Fatal(err)
	}
	shows(t, second, "still there?\nstill there?")
	if err := second.Keys(t.Context(), []string{"C-d"}); err != nil {
		t.Fatal(err)
	}
	if got, err := exit(); err != nil || got.Status != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAnAgentThatEndedWhileNobodyLookedIsAdoptedWithItsStatus(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	first, leave, _ := p.run()
	if _, err := first.Launch(t.Context(), "", wire.Launch{Command: "read x; exit 9", WorkDir: t.TempDir()}, nil); err != nil {
		t.Fatal(err)
	}
	leave()
	p.tmux("send-keys", "-t", "main", "Enter")
	_, _, exit := p.run()
	if got, err := exit(); err != nil || got.Status != 9 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, command string
		grace         time.Duration
		status        int
		atLeast, most time.Duration
	}{
		{"an agent that an interrupt ends", "cat", 20 * time.Second, 130, 0, 10 * time.Second},
		{"a shell, which ignores SIGTERM", "exec bash --norc -i", 20 * time.Second, 129, 0, 10 * time.Second},
		{"an agent that puts things away at SIGTERM", `trap "" INT; trap "echo bye; exit 5" TERM; echo up; while :; do read x; done`, 20 * time.Second, 5, 0, 15 * time.Second},
		{"an agent that won't", `trap "" INT TERM HUP; echo up; while :; do sleep 0.1; done`, 1500 * time.Millisecond, 137, time.Second, 10 * time.Second},
		{"no time at all", `trap "" INT TERM HUP; echo up; while :; do sleep 0.1; done`, time.Nanosecond, 137, 0, 5 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			s, _, exit := p.run()
			if _, err := s.Launch(t.Context(), "", wire.Launch{Command: tt.command, WorkDir: t.TempDir()}, nil); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if err := s.Stop(t.Context(), tt.grace); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took < tt.atLeast || took > tt.most {
				t.Errorf("took %v", took)
			}
			got, err := exit()
			if err != nil || got.Status != tt.status || got.Reason != "stopped" {
				t.Errorf("%+v, %v", got, err)
			}
			if p.options().Command("list-sessions").Run() == nil {
				t.Error("a tmux server is left")
			}
			if err := s.Stop(t.Context(), 0); err != nil {
				t.Errorf("a second stop: %v", err)
			}
		})
	}
}

func TestStopBeforeALaunchEndsTheSession(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s, _, exit := p.run()
	if err := s.Stop(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if got, err := exit(); err != nil || got.Status != 143 || got.Reason != "stopped" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := s.Launch(t.Context(), "", wire.Launch{}, nil); wire.CodeOf(err) != wire.CodeNoSession {
		t.Errorf("a launch after it: %v", err)
	}
}
