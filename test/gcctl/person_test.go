package gcctl_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// person sits at a terminal in which gcctl attach runs.
type person struct {
	h        *home
	cmd      *exec.Cmd
	keys     *os.File // the terminal's far side: what is written there is typed
	tty      *os.File
	before   unix.Termios
	reading  sync.WaitGroup
	mu       sync.Mutex
	shown    strings.Builder
	finished chan struct{} // the program has ended
}

// attached runs gcctl attach at a terminal of the given size, and waits until the session shows: what is typed before is echoed by the terminal.
func (h *home) attached(columns, rows uint16, args ...string) *person {
	h.t.Helper()
	p := h.attach(columns, rows, args...)
	p.sees(0, "\x1b[?1049h")
	return p
}

// attach runs gcctl attach at a terminal of the given size.
func (h *home) attach(columns, rows uint16, args ...string) *person {
	h.t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := pty.Setsize(keys, &pty.Winsize{Cols: columns, Rows: rows}); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &person{h: h, keys: keys, tty: tty, finished: make(chan struct{})}
	p.before = p.termios()
	p.cmd = exec.CommandContext(ctx, filepath.Join(programs, "gcctl"), append([]string{"attach"}, args...)...)
	p.cmd.Env, p.cmd.Dir = h.env, h.dir
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = tty, tty, tty
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	p.reading.Go(p.read)
	p.reading.Go(func() {
		defer close(p.finished)
		_ = p.cmd.Wait() // its status is looked at by who waits
	})
	h.t.Cleanup(func() {
		cancel()
		<-p.finished
		tty.Close() // the last one who holds it: reading ends
		p.reading.Wait()
		keys.Close()
	})
	return p
}

func (p *person) read() {
	buf := make([]byte, 32<<10)
	for {
		n, err := p.keys.Read(buf)
		p.mu.Lock()
		p.shown.Write(buf[:n])
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// seen is all that the terminal was sent.
func (p *person) seen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown.String()
}

// sees waits until the terminal was sent text, after what was seen before.
func (p *person) sees(after int, text string) {
	p.h.t.Helper()
	rest := func() string { return p.seen()[after:] }
	defer func() {
		if p.h.t.Failed() {
			p.h.t.Logf("the terminal was sent %q", rest())
		}
	}()
	p.h.until("the terminal shows "+text, func() bool { return strings.Contains(rest(), text) })
}

func (p *person) types(text string) {
	p.h.t.Helper()
	if _, err := p.keys.WriteString(text); err != nil {
		p.h.t.Fatal(err)
	}
}

func (p *person) termios() unix.Termios {
	p.h.t.Helper()
	now, err := unix.IoctlGetTermios(int(p.tty.Fd()), getTermios)
	if err != nil {
		p.h.t.Fatal(err)
	}
	return *now
}

// leaves waits for the end of the attach and gives its status; the terminal must then be as it was.
func (p *person) leaves() int {
	p.h.t.Helper()
	p.h.until("gcctl attach ends", func() bool {
		select {
		case <-p.finished:
			return true
		default:
			return false
		}
	})
	if now := p.termios(); now != p.before {
		p.h.t.Errorf("the terminal's settings are %+v, were %+v", now, p.before)
	}
	// What is written last is read last: all that gcctl wrote has been read then.
	const last = "\x1b]end of the test\a"
	if _, err := p.tty.WriteString(last); err != nil {
		p.h.t.Fatal(err)
	}
	p.sees(0, last)
	for mode, on := range modesOf(p.seen()) {
		if on != (mode == "25" || mode == "7") { // the cursor shows, and lines wrap; all else is off
			p.h.t.Errorf("the terminal is left with mode %s set: %v", mode, on)
		}
	}
	return p.cmd.ProcessState.ExitCode()
}

var privateMode = regexp.MustCompile(`\x1b\[\?([0-9;]+)([hl])`)

// modesOf gives the terminal modes that an output leaves, as far as it sets any.
func modesOf(output string) map[string]bool {
	modes := make(map[string]bool)
	for _, m := range privateMode.FindAllStringSubmatch(output, -1) {
		for mode := range strings.SplitSeq(m[1], ";") {
			modes[mode] = m[2] == "h"
		}
	}
	return modes
}

// child is the process that has the terminal: the one that gcctl attach guards.
func (p *person) child() int {
	p.h.t.Helper()
	return childOf(p.h.t, p.cmd.Process.Pid)
}

// childOf gives the id of a process's only child.
func childOf(t *testing.T, pid int) int {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		var child, parent int
		if _, err := fmt.Sscan(line, &child, &parent); err == nil && parent == pid {
			return child
		}
	}
	t.Fatalf("process %d has no child", pid)
	return 0
}

func resize(t *testing.T, p *person, columns, rows uint16) {
	t.Helper()
	if err := pty.Setsize(p.keys, &pty.Winsize{Cols: columns, Rows: rows}); err != nil {
		t.Fatal(err)
	}
}
