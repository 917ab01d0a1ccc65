package gcctl_test

import (
	"strings"
	"syscall"
	"testing"
)

func TestAnEscapeCountsRightAway(t *testing.T) {
	t.Parallel()
	for name, typed := range map[string]string{
		"as the first thing typed":           "~.",
		"after what terminals say by itself": "\x1b[?62;22c\x1b[>84;0;0c\x1bP>|tmux 3.3a\x1b\\\x1b[I~.",
		"in the help":                        "~?~.",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			h.start("s", "cat")
			p := h.attached(80, 24, "s")
			p.types(typed)
			if status := p.leaves(); status != 0 {
				t.Errorf("status %d", status)
			}
			p.sees(0, `left session "s", which runs on`)
		})
	}
}

func TestAnEscapeCountsAfterTheKeyThatEndsTheHelp(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.start("s", "cat")
	p := h.attached(80, 24, "s")
	p.types("~?")
	p.sees(0, "Press any key")
	at := len(p.seen())
	p.types("x")
	p.sees(at, "\x1b[?1049h") // the screen is drawn anew
	p.types("~.")
	if status := p.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestTmuxsOwnKeysInAnAttach(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.start("s", "cat")
	p := h.attached(80, 24, "s")
	p.types("\x02\x1a") // would suspend tmux's client, which nobody could continue
	p.types("still here\r")
	p.sees(0, "still here")
	p.types("\x02d")
	if status := p.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
	p.sees(0, `left session "s", which runs on`)
	if strings.Contains(p.seen(), "[detached") {
		t.Errorf("tmux says good-bye, too: %q", p.seen())
	}
}

func TestASessionIsNotAttachedToItself(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.start("s", "sh")
	p := h.attached(120, 24, "s")
	p.types("gcctl attach s; echo status $?\r")
	p.sees(0, "itself without end")
	p.sees(0, "status 1")
	p.types("~.")
	if status := p.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestKeysTypedWhileTheConnectionIsLostArrive(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.start("s", "cat")
	p := h.attached(80, 24, "s")
	if err := syscall.Kill(h.hub().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.sees(0, "connection lost")
	p.types("held\r")
	h.until("what was typed arrives", func() bool { return h.ok("peek", "s") == "held\nheld\n" })
	p.types("~.")
	if status := p.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
}
