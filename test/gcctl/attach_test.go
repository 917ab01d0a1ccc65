package gcctl_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
)

func TestAttachIsTheSessionsTerminal(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.start("s", "exec bash --norc")
	p := h.attached(91, 27, "s")
	p.sees(0, "$ ")
	p.types("echo $((6*7))x$(tput cols)x$(tput lines)\r")
	p.sees(0, "42x91x27")
	if got := h.session("s"); got.Columns != 91 || got.Rows != 27 || got.Attached != 1 {
		t.Errorf("the session is %dx%d with %d attached, not 91x27 with 1", got.Columns, got.Rows, got.Attached)
	}
	resize(t, p, 120, 40)
	h.until("the window follows the terminal", func() bool { s := h.session("s"); return s.Columns == 120 && s.Rows == 40 })
	p.types("\r~.")
	if status := p.leaves(); status != 0 || !strings.Contains(p.seen(), `left session "s", which runs on`) {
		t.Errorf("status %d, %q", status, p.seen())
	}
	if got := h.session("s"); got.State != wire.StateRunning {
		t.Errorf("leaving changed the session: %s", got.State)
	}
}

func TestTheTildesEscapes(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.start("s", "cat")
	p := h.attached(90, 30, "s")
	p.types("first\r")
	p.sees(0, "first")
	p.types("~?")
	p.sees(0, "~^Z  suspend")
	at := len(p.seen())
	p.types("\r")         // ends the help, and is typed for nobody
	p.sees(at, "first")   // the screen is drawn anew
	p.types("~~two~.\r~") // one tilde; none within a line
	p.types("z~.\r")      // no escape: itself
	screen := ""
	defer func() { t.Logf("the screen: %q", screen) }()
	h.until("the session got them", func() bool {
		screen = h.ok("peek", "s")
		return strings.HasSuffix(screen, "~z~.\n~two~.\n~z~.\n") || strings.HasSuffix(screen, "~two~.\n~z~.\n~z~.\n")
	})
	if want := "first\nfirst\n~two~.\n"; !strings.HasPrefix(screen, want) { // no line of the Enter that ended the help
		t.Errorf("the screen is %q, want %q first", screen, want)
	}
	p.types("~.")
	if status := p.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestAReadOnlyAttachLooksOn(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.start("s", "cat")
	p := h.attached(60, 20, "--read-only", "s")
	h.ok("nudge", "s", "for all to see")
	p.sees(0, "for all to see")
	p.types("typed\r\x02d")
	p.sees(0, "read-only: keys are dropped")
	if screen := h.ok("peek", "s"); strings.Contains(screen, "typed") {
		t.Errorf("a looker-on typed: %q", screen)
	}
	if got := h.session("s"); got.Columns != 200 || got.Rows != 50 {
		t.Errorf("a looker-on made the window %dx%d", got.Columns, got.Rows)
	}
	p.types("\x03") // leaves, as it has nothing else to do
	if status := p.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
	if got := h.session("s"); got.State != wire.StateRunning {
		t.Errorf("the session is %s", got.State)
	}
}

func TestTwoPeopleSeeTheSame(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.start("s", "cat")
	one, two := h.attached(100, 30, "s"), h.attached(70, 20, "s")
	one.types("from one\r")
	two.sees(0, "from one")
	two.types("from two\r")
	one.sees(0, "from two")
	h.until("the window has the size of who typed last", func() bool { s := h.session("s"); return s.Columns == 70 && s.Rows == 20 })
	two.types("~.")
	two.leaves()
	at := len(one.seen())
	one.types("alone\r")
	one.sees(at, "alone")
	one.types("~.")
	one.leaves()
}

func TestAttachTellsHowTheAgentEnded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ end, says string }{
		"by itself":   {"exit 7\r", "agent exited with status 7"},
		"by a signal": {"kill -9 $$\r", "agent ended by signal 9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			h.start("s", "exec bash --norc")
			p := h.attached(80, 24, "s")
			p.sees(0, "$ ")
			p.types(c.end)
			if status := p.leaves(); status != 0 || !strings.Contains(p.seen(), c.says) {
				t.Errorf("status %d, %q; want %q", status, p.seen(), c.says)
			}
		})
	}
}

func TestAttachComesBackAfterWhatServesItWasKilled(t *testing.T) {
	t.Parallel()
	for name, victim := range map[string]func(h *home) int{
		"the hub":      func(h *home) int { return h.hub().PID },
		"agentd serve": func(h *home) int { return childOf(h.t, h.session("s").PID) },
		"agentd init":  func(h *home) int { return h.session("s").PID },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			h.start("s", "cat")
			p := h.attached(90, 30, "s")
			p.types("before\r")
			p.sees(0, "before")
			if err := syscall.Kill(victim(h), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			at := len(p.seen())
			p.sees(at, "before") // the screen is drawn anew
			for i := 0; !strings.Contains(h.ok("peek", "s"), "after"); i++ {
				p.types(fmt.Sprintf("after%d\r", i)) // keys that come while there is no connection are dropped
				h.until("the terminal answers", func() bool { return strings.Contains(p.seen()[at:], fmt.Sprintf("after%d", i)) || i < 20 })
			}
			p.types("~.")
			if status := p.leaves(); status != 0 {
				t.Errorf("status %d", status)
			}
		})
	}
}

func TestTheTerminalIsGivenBackWhateverEndsTheAttach(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kill   func(p *person) int
		signal syscall.Signal
		status int
	}{
		"the process that has it is killed":  {(*person).child, syscall.SIGKILL, 137},
		"that process crashes":               {(*person).child, syscall.SIGQUIT, 134}, // Go's runtime prints all goroutines and aborts, as it does for a panic
		"that process is told to end":        {(*person).child, syscall.SIGTERM, 143},
		"gcctl is told to end":               {func(p *person) int { return p.cmd.Process.Pid }, syscall.SIGTERM, 143},
		"the terminal's owner is hung up on": {func(p *person) int { return p.cmd.Process.Pid }, syscall.SIGHUP, 129},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			h.start("s", "sh", "-c", `printf '\033[?1049h\033[?25l\033[?1000h\033[?1006h\033[?2004hall modes'; exec cat`)
			p := h.attached(80, 24, "s")
			p.sees(0, "all modes")
			if err := syscall.Kill(c.kill(p), c.signal); err != nil {
				t.Fatal(err)
			}
			if status := p.leaves(); status != c.status {
				t.Errorf("status %d, want %d: %q", status, c.status, p.seen())
			}
			if got := h.session("s"); got.State != wire.StateRunning {
				t.Errorf("the session is %s", got.State)
			}
		})
	}
}

func TestAttachToNothingIsOneLine(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.start("worker", "cat")
	p := h.attach(80, 24, "wroker")
	if status := p.leaves(); status != 1 || !strings.Contains(p.seen(), `no session "wroker"`) || !strings.Contains(p.seen(), "worker") {
		t.Errorf("status %d, %q", status, p.seen())
	}
	if r := h.run("attach", "worker"); r.status != 1 || !strings.Contains(r.stderr, "terminal") || !strings.Contains(r.stderr, "gcctl peek worker") {
		t.Errorf("without a terminal: status %d, %q", r.status, r.stderr)
	}
}
