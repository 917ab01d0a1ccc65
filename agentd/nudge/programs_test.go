package nudge_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/term"

	"github.com/gascity/agentd/agentd/tmux/tmuxtest"
)

// The programs that messages are typed into. Each reports what it gets on the unix socket named in reportVariable.
var programs = map[string]func() error{"raw": rawProgram, "lines": linesProgram, "tui": tuiProgram}

const (
	reportVariable = "NUDGE_TEST_REPORT"
	// The tui's: how long it swallows an Enter behind a paste, whether it shows anything, and whether something on its screen moves all the time.
	swallowVariable, silentVariable, busyVariable = "NUDGE_TEST_SWALLOW", "NUDGE_TEST_SILENT", "NUDGE_TEST_BUSY"
)

// report connects to the test.
func report() (net.Conn, error) {
	c, err := net.Dial("unix", os.Getenv(reportVariable))
	if err != nil {
		return nil, fmt.Errorf("report to the test: %w", err)
	}
	return c, nil
}

// rawProgram reports every byte and shows nothing of them.
func rawProgram() error {
	c, err := report()
	if err != nil {
		return err
	}
	defer c.Close()
	state, err := term.MakeRaw(0)
	if err != nil {
		return err
	}
	defer term.Restore(0, state)
	fmt.Print("ready")
	_, err = io.Copy(c, os.Stdin)
	return err
}

// linesProgram reads lines as the terminal gives them, which echoes and edits them.
func linesProgram() error {
	c, err := report()
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Println("ready")
	_, err = io.Copy(c, os.Stdin)
	return err
}

// tui is a program as agents' are: raw, with bracketed pastes, an input line, and messages reported as JSON strings.
type tui struct {
	out       *json.Encoder
	swallow   time.Duration
	silent    bool
	text      []byte
	pasting   bool
	lastInput time.Time
}

func tuiProgram() error {
	c, err := report()
	if err != nil {
		return err
	}
	defer c.Close()
	state, err := term.MakeRaw(0)
	if err != nil {
		return err
	}
	defer term.Restore(0, state)
	swallow, _ := time.ParseDuration(os.Getenv(swallowVariable))
	p := &tui{out: json.NewEncoder(c), swallow: swallow, silent: os.Getenv(silentVariable) != ""}
	fmt.Print("\x1b[?2004hready\r\n> ")
	in := make(chan []byte)
	go func() {
		defer close(in)
		for {
			b := make([]byte, 4096)
			n, err := os.Stdin.Read(b)
			if err != nil {
				return
			}
			in <- b[:n]
		}
	}()
	var busy <-chan time.Time
	if os.Getenv(busyVariable) != "" {
		busy = time.Tick(40 * time.Millisecond)
	}
	var pending []byte
	for n := 0; ; {
		select {
		case b, ok := <-in:
			if !ok {
				return nil
			}
			pending = p.input(append(pending, b...))
		case <-busy:
			n++
			fmt.Printf("\x1b7\x1b[1;60Hspinning %d\x1b8", n)
		}
	}
}

var pasteBegin, pasteEnd = []byte("\x1b[200~"), []byte("\x1b[201~")

// input takes what was typed, and gives what can't be understood yet.
func (p *tui) input(b []byte) []byte {
	for len(b) > 0 {
		switch {
		case bytes.HasPrefix(b, pasteBegin):
			p.pasting, b = true, b[len(pasteBegin):]
		case bytes.HasPrefix(b, pasteEnd):
			p.pasting, b = false, b[len(pasteEnd):]
			p.lastInput = time.Now()
			p.draw()
		case bytes.HasPrefix(pasteBegin, b) || bytes.HasPrefix(pasteEnd, b):
			return b
		case b[0] == '\r' && !p.pasting:
			p.enter()
			b = b[1:]
		default:
			c := b[0]
			if c == '\r' {
				c = '\n'
			}
			p.text, b = append(p.text, c), b[1:]
			if !p.pasting {
				p.lastInput = time.Now()
				p.draw()
			}
		}
	}
	return nil
}

func (p *tui) enter() {
	if time.Since(p.lastInput) < p.swallow {
		return
	}
	_ = p.out.Encode(string(p.text))
	p.text = nil
	if !p.silent {
		fmt.Print("\r\x1b[Kthanks\r\n> ")
	}
}

// draw shows the input, or for much of it that there is some, as agents do.
func (p *tui) draw() {
	switch {
	case p.silent:
	case len(p.text) > 100 || bytes.IndexByte(p.text, '\n') >= 0:
		fmt.Printf("\r\x1b[K> [pasted %d bytes]", len(p.text))
	default:
		fmt.Printf("\r\x1b[K> %s", p.text)
	}
}

// program is one of the programs, running.
type program struct {
	*tmuxtest.Terminal
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

// start runs a program, which has come up when start returns.
func start(t testing.TB, name string, env ...string) *program {
	t.Helper()
	dir, err := os.MkdirTemp("", "n")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", dir+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env = append(env, programVariable+"="+name, reportVariable+"="+dir+"/s")
	term := tmuxtest.Start(t, tmuxtest.Options{Command: "exec " + exe, Env: env})
	_ = l.(*net.UnixListener).SetDeadline(time.Now().Add(tmuxtest.Patience))
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(2 * tmuxtest.Patience))
	term.AwaitText("ready")
	return &program{Terminal: term, t: t, conn: conn, r: bufio.NewReader(conn)}
}

// gets compares the next bytes that the program reports.
func (p *program) gets(want string) {
	p.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(p.r, got)
	if err != nil || string(got) != want {
		p.t.Errorf("the program got %d bytes, %s, %v; want %d, %s", n, short(got[:n]), err, len(want), short([]byte(want)))
	}
}

// getsNoMore holds when nothing comes before a marker that is typed now.
func (p *program) getsNoMore() {
	p.t.Helper()
	p.Run("send-keys", "-t", "%0", "-l", "--", "END")
	p.gets("END")
}

// message gives the next message that the tui reports.
func (p *program) message() string {
	p.t.Helper()
	line, err := p.r.ReadBytes('\n')
	var s string
	if err == nil {
		err = json.Unmarshal(line, &s)
	}
	if err != nil {
		p.t.Fatalf("read a message from the program: %v", err)
	}
	return s
}

func short(b []byte) string {
	if len(b) > 200 {
		return fmt.Sprintf("%q…%q", b[:80], b[len(b)-80:])
	}
	return fmt.Sprintf("%q", b)
}
