// Package terminal runs a terminal program (tmux attach) in a pseudo-terminal whose bytes and size the caller handles.
package terminal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/gascity/agentd/agentd/wire"
)

// maxSide bounds a terminal's sides. tmux takes up to 10,000 (WINDOW_MAXIMUM), and memory grows with the area.
const maxSide = 2000

// Command is the program to run.
type Command struct {
	Argv []string
	// Env is the environment; of a variable that is there twice, the last counts.
	Env []string
	// Size is set before the program starts, so that its first screen is right.
	Size wire.Size
}

// Terminal is a program running in a pseudo-terminal. Read and Write may be used at once, each from one goroutine.
type Terminal struct {
	pty   *os.File
	cmd   *exec.Cmd
	burst time.Time // when the last burst was read; Read's

	waitOnce sync.Once
	waitErr  error
}

// Start runs the program. The caller calls Close.
func Start(c Command) (*Terminal, error) {
	size, err := winsize(c.Size)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(c.Argv[0], c.Argv[1:]...)
	cmd.Env = c.Env
	f, err := pty.StartWithSize(cmd, size)
	if err != nil {
		return nil, fmt.Errorf("start %s in a terminal: %w", c.Argv[0], err)
	}
	return &Terminal{pty: f, cmd: cmd}, nil
}

func winsize(s wire.Size) (*pty.Winsize, error) {
	if s == (wire.Size{}) {
		s = wire.Size{Columns: 80, Rows: 24} // what a terminal that tells no size is taken for since the VT100
	}
	if s.Columns < 1 || s.Rows < 1 || s.Columns > maxSide || s.Rows > maxSide {
		return nil, wire.Errorf(wire.CodeBadRequest, "a terminal of %d×%d: each side must be 1 to %d", s.Columns, s.Rows, maxSide)
	}
	return &pty.Winsize{Cols: uint16(s.Columns), Rows: uint16(s.Rows)}, nil
}

const (
	// burst is how many bytes at once no echo of a key has.
	burst = 1 << 10
	// burstTime is how long more is waited for then.
	burstTime = time.Millisecond
	// floodTime is what it is when one burst follows the other. Nobody sees it, a screen shows sixty pictures a second; and each message costs every program on the way
	// more than what is in it.
	floodTime = 5 * time.Millisecond
)

// Read gives what the program writes; io.EOF once it has ended and all was read. The kernel hands over at most 4 KiB at a time, and each of these would be a message that
// every program on the way to a person takes up by itself: a burst is gathered.
func (t *Terminal) Read(p []byte) (int, error) {
	n, err := t.pty.Read(p)
	if n >= burst && n < len(p) && err == nil && t.pty.SetReadDeadline(t.burstEnd()) == nil {
		for n < len(p) && err == nil {
			var more int
			more, err = t.pty.Read(p[n:])
			n += more
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = nil
		}
		err = errors.Join(err, t.pty.SetReadDeadline(time.Time{}))
		t.burst = time.Now()
	}
	if errors.Is(err, syscall.EIO) || errors.Is(err, os.ErrClosed) {
		// EIO is how the kernel says that the program's side is closed, after the last byte.
		err = io.EOF
	}
	return n, err
}

// burstEnd is until when more of the burst that begins now is waited for.
func (t *Terminal) burstEnd() time.Time {
	now := time.Now()
	if now.Sub(t.burst) < floodTime {
		return now.Add(floodTime)
	}
	return now.Add(burstTime)
}

// Write types p.
func (t *Terminal) Write(p []byte) (int, error) { return t.pty.Write(p) }

// Resize tells the program its new size. It goes around pty.Setsize, whose Fd() would put the file back into blocking mode: Close would no
// longer wake Read.
func (t *Terminal) Resize(s wire.Size) error {
	size, err := winsize(s)
	if err != nil {
		return err
	}
	raw, err := t.pty.SyscallConn()
	if err != nil {
		return fmt.Errorf("resize the terminal: %w", err)
	}
	var ioctlErr error
	err = raw.Control(func(fd uintptr) {
		ioctlErr = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: size.Rows, Col: size.Cols})
	})
	if err := errors.Join(err, ioctlErr); err != nil {
		return fmt.Errorf("resize the terminal: %w", err)
	}
	return nil
}

// Wait waits for the program's end. A program that ended with a status other than 0 gives an *exec.ExitError.
func (t *Terminal) Wait() error {
	t.waitOnce.Do(func() { t.waitErr = t.cmd.Wait() })
	return t.waitErr
}

// Close hangs the terminal up, which ends the program, and waits for it.
func (t *Terminal) Close() error {
	err := t.pty.Close()
	// The kernel hangs up for us when the last copy of the pty closes; a program that ignores that is ended all the same.
	_ = t.cmd.Process.Signal(syscall.SIGHUP)
	t.end()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
