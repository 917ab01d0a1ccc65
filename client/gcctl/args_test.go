package gcctl

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gascity/agentd/client/paths"
	"github.com/gascity/agentd/client/terminal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParsePlace(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]place{
		"demo:":         {"demo", ""},
		"demo:a/b":      {"demo", "a/b"},
		"demo:a:b":      {"demo", "a:b"},
		"notes.md":      {"", "notes.md"},
		"./demo:a":      {"", "./demo:a"},
		"/tmp/demo:a":   {"", "/tmp/demo:a"},
		"folder/demo:a": {"", "folder/demo:a"},
		":a":            {"", ":a"},
		"-":             {"", "-"},
	} {
		if got := parsePlace(arg); got != want {
			t.Errorf("%q is %+v, want %+v", arg, got, want)
		}
	}
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	cmd := newStart(&app{})
	for text, want := range map[string][2]int{"": {}, "80x24": {80, 24}, "1x1": {1, 1}, "10000x10000": {10000, 10000}} {
		columns, rows, err := parseSize(cmd, text)
		if err != nil || [2]int{columns, rows} != want {
			t.Errorf("%q is %dx%d, %v", text, columns, rows, err)
		}
	}
	for _, text := range []string{"80", "80x", "x24", "80x24x2", "0x24", "-1x24", "80 x 24", "10001x24", "axb"} {
		if columns, rows, err := parseSize(cmd, text); err == nil {
			t.Errorf("%q is taken for %dx%d", text, columns, rows)
		}
	}
}

// FuzzShellCommand proves that a shell hands a program just the arguments that were given.
func FuzzShellCommand(f *testing.F) {
	f.Add("a b", "it's")
	f.Add("$HOME", "démö\n")
	f.Add("~", "")
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.ContainsRune(a+b, 0) {
			return // no argument holds one
		}
		out, err := exec.Command("sh", "-c", shellCommand([]string{"printf", `%s\0`, a, b})).Output()
		if want := a + "\x00" + b + "\x00"; err != nil || string(out) != want {
			t.Fatalf("got %q, %v, want %q", out, err, want)
		}
	})
}

func TestReport(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		status int
		said   string
	}{
		"no error":                       {nil, 0, ""},
		"an error is one line":           {errors.New("it failed\nand how\x1b[2J"), 1, "gcctl: it failed; and how [2J\n"},
		"a hint is another":              {fmt.Errorf("start: %w", hint(errors.New("no"), "try %s", "this")), 1, "gcctl: start: no\nhint: try this\n"},
		"Ctrl-C needs no word":           {fmt.Errorf("peek: %w", errInterrupted), 130, ""},
		"what was said isn't said again": {statusError(7), 7, ""},
		"a crash has a status of its own": {&terminal.CrashError{Status: 137, Cause: "killed"}, 137,
			"gcctl: attach ended unexpectedly (killed); the terminal was put back in order\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var said bytes.Buffer
			if status := Report(&said, []string{"gcctl"}, c.err); status != c.status || said.String() != c.said {
				t.Errorf("status %d, %q; want %d, %q", status, said.String(), c.status, c.said)
			}
		})
	}
}

func TestWithinASessionItself(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "g") // short: sockets would lie in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("XDG_STATE_HOME", dir)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	dirs, err := paths.Open()
	if err != nil {
		t.Fatal(err)
	}
	socket := dirs.SessionRun(paths.SessionID("demo")) + "/tmux-1000/default,1,0"
	for session, want := range map[string]bool{"demo": true, "other": false} {
		a := &app{getenv: func(name string) string { return map[string]string{"TMUX": socket}[name] }}
		if a.within(session) != want {
			t.Errorf("a terminal in demo is within %s: %v", session, !want)
		}
	}
	if (&app{getenv: func(string) string { return "" }}).within("demo") {
		t.Error("a terminal of no tmux is within demo")
	}
}
