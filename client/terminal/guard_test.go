package terminal

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// patience is how long a test waits for what takes a moment: this machine may be busy with other tests.
const patience = 30 * time.Second

// seat is a terminal at which the program of TestMain runs.
type seat struct {
	t     *testing.T
	cmd   *exec.Cmd
	far   *os.File // what is written there is typed
	near  *os.File
	shown chan []byte
	text  string
}

func sit(t *testing.T, role string) *seat {
	t.Helper()
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s := &seat{t: t, cmd: exec.CommandContext(ctx, self), far: far, near: near, shown: make(chan []byte)}
	s.cmd.Env = append(os.Environ(), roleVariable+"="+role)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = near, near, near
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends when nobody holds the terminal any more
		defer close(s.shown)
		for {
			buf := make([]byte, 4096)
			n, err := far.Read(buf)
			s.shown <- buf[:n]
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = s.cmd.Wait() // a second time in most tests
		near.Close()
		for range s.shown {
		}
		far.Close()
	})
	return s
}

// sees waits until the terminal was sent text after what was seen before.
func (s *seat) sees(text string) string {
	s.t.Helper()
	limit := time.After(patience)
	for !strings.Contains(s.text, text) {
		select {
		case b, open := <-s.shown:
			if !open {
				s.t.Fatalf("the terminal closed without %q: %q", text, s.text)
			}
			s.text += string(b)
		case <-limit:
			s.t.Fatalf("waited in vain for %q: %q", text, s.text)
		}
	}
	before, rest, _ := strings.Cut(s.text, text)
	s.text = rest
	return before
}

func (s *seat) types(text string) {
	s.t.Helper()
	if _, err := s.far.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the program's end and gives its status, and what the terminal was sent till then.
func (s *seat) ends() (status int, shown string) {
	s.t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.cmd.Wait() // the status is in ProcessState
	}()
	for limit := time.After(patience); ; {
		select {
		case b, open := <-s.shown:
			if !open {
				s.t.Fatal("the terminal closed")
			}
			s.text += string(b)
		case <-ended:
			const last = "\x1b]end\a" // written last, so it is read last
			if _, err := s.near.WriteString(last); err != nil {
				s.t.Fatal(err)
			}
			return s.cmd.ProcessState.ExitCode(), s.sees(last)
		case <-limit:
			s.t.Fatalf("the program does not end: %q", s.text)
		}
	}
}

var privateMode = regexp.MustCompile(`\x1b\[\?(\d+)([hl])`)

func TestTheTerminalIsGivenBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		role, typed string
		sees, then  string // what is typed once something is seen
		status      int
		says        string
	}{
		"after a panic":                            {rolePanics, "x\r", "", "", 134, "panic: while it reconnects"},
		"when the agent ends":                      {roleAgentEnds, "x\r", "", "", 7, "connections 1"},
		"when the person leaves":                   {roleAgentEnds, "~.", "", "", 0, "Left:true"},
		"with keys that wait for a new connection": {roleReturns, "x\r", "connection lost", "end\r", 7, "connections 2"},
		"when the person leaves the help at once":  {roleAgentEnds, "~?~.", "", "", 0, "Left:true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sit(t, c.role)
			before, err := term.GetState(int(s.near.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			drawn := s.sees("drawn")
			s.types(c.typed)
			if c.sees != "" {
				drawn += s.sees(c.sees)
				s.types(c.then)
			}
			status, shown := s.ends()
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			if !strings.Contains(shown, c.says) {
				t.Errorf("%q isn't said: %q", c.says, shown)
			}
			after, err := term.GetState(int(s.near.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			if *after != *before {
				t.Errorf("the terminal's settings are %+v, were %+v", *after, *before)
			}
			left := map[string]string{}
			for _, m := range privateMode.FindAllStringSubmatch(drawn+shown, -1) {
				left[m[1]] = m[2]
			}
			for mode, set := range left {
				if on := set == "h"; on != (mode == "25" || mode == "7") {
					t.Errorf("mode %s is left set: %v", mode, on)
				}
			}
			if strings.LastIndex(shown, c.says) < strings.LastIndex(shown, "\x1b[?1049l") {
				t.Error("what is said is lost with the alternate screen")
			}
		})
	}
}
