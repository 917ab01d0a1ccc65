package docs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/creack/pty"
)

// atTerminal is the variable that makes this test's program run its arguments at a terminal, as a person would who looks in and leaves again.
const atTerminal = "DOCS_AT_TERMINAL"

func TestMain(m *testing.M) {
	if os.Getenv(atTerminal) != "" {
		if err := visit(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// personal are the commands that take a terminal.
var personal = regexp.MustCompile(`(?m)^(.* attach |kubectl .*exec -it )`)

// withTerminal gives each of a script's personal commands a terminal.
func withTerminal(script string) string {
	return fmt.Sprintf("at_terminal() { %s=1 %q \"$@\"; }\n", atTerminal, os.Args[0]) + personal.ReplaceAllString(script, "at_terminal $1")
}

// visit runs a command at a terminal until it shows a prompt, then leaves with Ctrl-B d.
func visit(command []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		return err
	}
	defer terminal.Close()
	late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	var shown bytes.Buffer
	left := false
	buf := make([]byte, 4096)
	for {
		n, err := terminal.Read(buf)
		shown.Write(buf[:n])
		if !left && bytes.Contains(shown.Bytes(), []byte("$")) {
			left = true
			if _, err := terminal.WriteString("\x02d"); err != nil {
				return err
			}
		}
		if err != nil {
			break // of a terminal whose last program has ended
		}
	}
	if err := cmd.Wait(); err != nil || !left {
		return fmt.Errorf("%q at a terminal: %v; it showed %q", command, err, shown.String())
	}
	return nil
}
