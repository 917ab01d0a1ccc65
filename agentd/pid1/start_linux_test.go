package pid1

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// limit is how long anything in these tests may take on a busy machine.
const limit = 60 * time.Second

// running is an init, as a test sees it.
type running struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   chan string // lines of stdout, closed at its end
	errs  chan string // lines of stderr, closed at its end
}

// start starts an init whose serve does an act: switches for init, "--", the act and its arguments.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return startCommand(t, exec.Command(self, append([]string{asInit}, args...)...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *running {
	t.Helper()
	r := &running{t: t, cmd: cmd}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if r.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // a process with the race detector takes a second to end otherwise
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.out, r.errs = lines(stdout), lines(stderr)
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return r
}

func lines(r io.Reader) chan string {
	c := make(chan string, 1000)
	go func() {
		defer close(c)
		for s := bufio.NewScanner(r); s.Scan(); {
			c <- s.Text()
		}
	}()
	return c
}

// read gives the next line of stdout.
func (r *running) read() string {
	r.t.Helper()
	select {
	case line, ok := <-r.out:
		if !ok {
			r.t.Fatalf("stdout ended; stderr: %s", rest(r.errs))
		}
		return line
	case <-time.After(limit):
		r.t.Fatal("nothing on stdout")
		return ""
	}
}

// logged waits for a line of stderr with some text.
func (r *running) logged(text string) {
	r.t.Helper()
	timeout := time.After(limit)
	for {
		select {
		case line, ok := <-r.errs:
			if !ok {
				r.t.Fatalf("stderr ended without %q", text)
			}
			if strings.Contains(line, text) {
				return
			}
		case <-timeout:
			r.t.Fatalf("no %q on stderr", text)
		}
	}
}

func (r *running) signal(sig syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		r.t.Fatal(err)
	}
}

// end waits for init to end, and gives its status (-1 for a signal) and what was left to read.
func (r *running) end() (status int, stdout, stderr string) {
	r.t.Helper()
	stdout, stderr = rest(r.out), rest(r.errs)
	_ = r.cmd.Wait()
	return r.cmd.ProcessState.ExitCode(), stdout, stderr
}

func rest(c chan string) string {
	var b strings.Builder
	timeout := time.After(limit)
	for {
		select {
		case line, ok := <-c:
			if !ok {
				return b.String()
			}
			fmt.Fprintln(&b, line)
		case <-timeout:
			return b.String() + "(and no end)"
		}
	}
}

// want waits for init to end with a status.
func (r *running) want(status int) (stdout, stderr string) {
	r.t.Helper()
	got, stdout, stderr := r.end()
	if got != status {
		r.t.Errorf("init's exit status is %d, want %d; stderr: %s", got, status, stderr)
	}
	return stdout, stderr
}

// alive tells whether a process is there and not a zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
