package contract_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
)

// person is a front's attach on a terminal.
type person struct {
	g    *gc
	cmd  *exec.Cmd
	tty  interface{ Write([]byte) (int, error) }
	read sync.WaitGroup

	mu    sync.Mutex
	shown strings.Builder
}

func (g *gc) attach(name string) *person {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	g.t.Cleanup(cancel)
	p := &person{g: g, cmd: exec.CommandContext(ctx, filepath.Join(g.bin, g.front), "attach", name)}
	p.cmd.Env = g.env
	tty, err := pty.StartWithSize(p.cmd, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		g.t.Fatal(err)
	}
	p.tty = tty
	p.read.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			p.mu.Lock()
			p.shown.Write(buf[:n])
			p.mu.Unlock()
			if err != nil {
				return // EIO once the front has gone
			}
		}
	})
	g.t.Cleanup(func() { tty.Close() })
	return p
}

func (p *person) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown.String()
}

func (p *person) types(text string) {
	p.g.t.Helper()
	if _, err := p.tty.Write([]byte(text)); err != nil {
		p.g.t.Fatal(err)
	}
}

// leaves waits for the end of the attach, and gives its status.
func (p *person) leaves() int {
	status := statusOf(p.cmd.Wait())
	p.read.Wait()
	return status
}

func TestAttachShowsTheSessionOnTheCallersTerminal(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", config{"command": "echo words on the screen; exec cat"})
	g.is("false", "is-attached", "s")
	p := g.attach("s")
	g.until("the terminal shows the screen", func() bool { return strings.Contains(p.screen(), "words on the screen") })
	g.until("it counts as attached", func() bool { return g.ok("is-attached", "s") == "true" })
	p.types("typed\r")
	g.untilScreen("s", "typed\ntyped")
	p.types("\x02d") // as tmux has it
	if status := p.leaves(); status != 0 {
		t.Errorf("status %d after leaving: %q", status, p.screen())
	}
	g.until("it counts as left", func() bool { return g.ok("is-attached", "s") == "false" })
	g.is("true", "is-running", "s")
}

func TestAttachToNothingFails(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("ended", config{"command": "cat"})
	g.ok("send-keys", "ended", "C-d")
	g.until("it has ended", func() bool { return g.ok("is-running", "ended") == "false" })
	for _, name := range []string{"nobody", "ended"} {
		p := g.attach(name)
		if status := p.leaves(); status != 1 || !strings.Contains(p.screen(), name) {
			t.Errorf("attach %s: status %d, %q; want status 1 and a word on it", name, status, p.screen())
		}
		g.is("false", "is-attached", name)
	}
}
