package terminal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

const (
	// guardVariable marks the guarded child.
	guardVariable = "AGENTD_ATTACH_GUARDED"
	// guardFD is the child's end of a pipe whose other end the parent holds: its end-of-file tells the child that the parent has gone.
	guardFD = 3
	// guardGrace is how long the child may take to end after a signal, before it is killed.
	guardGrace = 3 * time.Second
	// guardReport bounds what is kept of the child's standard error, in bytes: a crash report's beginning.
	guardReport = 64 << 10
)

// CrashError says that the process which drove the terminal ended without giving it back; that has been done in its place.
type CrashError struct {
	// Status is what the program should exit with: 128+n after signal n. It is never 0 or 2.
	Status int
	// Cause names the signal or status.
	Cause string
}

// Error names what ended the process.
func (e *CrashError) Error() string {
	return fmt.Sprintf("attach ended unexpectedly (%s); the terminal was put back in order", e.Cause)
}

// Guarded says whether this process is a guarded child, and gives the channel that closes when its parent has gone. It is called once, before
// other processes are started.
func Guarded() (parent <-chan struct{}, guarded bool) {
	if os.Getenv(guardVariable) == "" {
		return nil, false
	}
	os.Unsetenv(guardVariable)
	var stat unix.Stat_t
	if err := unix.Fstat(guardFD, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFIFO {
		return nil, false // the variable came from elsewhere
	}
	unix.CloseOnExec(guardFD)
	// Writing to the parent's end of standard error must fail, not kill.
	signal.Ignore(syscall.SIGPIPE)
	gone := make(chan struct{})
	pipe := os.NewFile(guardFD, "guard")
	go func() { // lives as long as the process
		defer close(gone)
		_, _ = io.Copy(io.Discard, pipe)
	}()
	return gone, true
}

// Guard runs this program again with the given arguments (args[0] is the program's name) on the same terminal, as a child in which Guarded is true;
// waits for it; and puts the terminal back in order when the child couldn't. It gives the child's exit status, or a *CrashError. What the child
// says on standard error comes when it has ended and the terminal is in order.
func Guard(args []string, in, out, stderr *os.File) (status int, err error) {
	t, err := openTTY(in, out)
	if err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find this program: %w", err)
	}
	alive, hold, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("guard the terminal: %w", err)
	}
	defer hold.Close()
	defer alive.Close()
	cmd := &exec.Cmd{
		Path: self, Args: args, Env: append(os.Environ(), guardVariable+"=1"),
		Stdin: in, Stdout: out, Stderr: stderr, ExtraFiles: []*os.File{alive},
		WaitDelay: time.Second,
	}
	report := &head{limit: guardReport}
	if term.IsTerminal(int(stderr.Fd())) {
		cmd.Stderr = report
	}
	if err := runForwarding(cmd); err != nil {
		return 0, err
	}
	crash := crashOf(cmd.ProcessState)
	if crash != nil {
		err = errors.Join(crash, t.rescue())
	}
	// Said last, so that it isn't lost with the alternate screen.
	_, _ = stderr.Write(report.bytes())
	return cmd.ProcessState.ExitCode(), err
}

// rescue puts the terminal back in order without knowing what was done to it.
func (t *tty) rescue() error {
	_, writeErr := io.WriteString(t.out, resetAll)
	err := t.restore()
	t.discardTyped()
	return errors.Join(writeErr, err)
}

// crashOf tells a child that gave the terminal back, whatever its status, from one that couldn't.
func crashOf(state *os.ProcessState) error {
	status := state.Sys().(syscall.WaitStatus)
	switch {
	case status.Signaled():
		return &CrashError{Status: 128 + int(status.Signal()), Cause: status.Signal().String()}
	case status.ExitStatus() == 2: // the Go runtime's own way out
		return &CrashError{Status: 128 + int(syscall.SIGABRT), Cause: "exit status 2"}
	}
	return nil
}

// runForwarding runs cmd, passing on the signals that ask for the end. A child that doesn't follow is killed.
func runForwarding(cmd *exec.Cmd) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s again: %w", strings.Join(cmd.Args, " "), err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var limit <-chan time.Time
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s) // fails only when the child has just ended
			if limit == nil {
				limit = time.After(guardGrace)
			}
		case <-limit:
			_ = cmd.Process.Kill()
		case err := <-ended:
			if cmd.ProcessState == nil {
				return fmt.Errorf("wait for attach: %w", err)
			}
			return nil
		}
	}
}

// head keeps the beginning of what is written to it.
type head struct {
	mu    sync.Mutex
	limit int
	buf   bytes.Buffer
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf.Write(p[:min(len(p), h.limit-h.buf.Len())])
	return len(p), nil
}

func (h *head) bytes() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Clone(h.buf.Bytes())
}
