package tmux

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testConfig makes the session main running command, with what tests rely on.
func testConfig(command string) string {
	line, _ := Line("new-session", "-d", "-s", "main", "-x", "80", "-y", "24", command)
	return "set -g status off\nset -g remain-on-exit on\nset -g automatic-rename off\n" + line + "\n"
}

// testServer starts a server of the test's own, which is killed at its end.
func testServer(t testing.TB, command string, events func(Event)) (*Control, Options) {
	t.Helper()
	o := testOptions(t, events)
	c, err := Start(t.Context(), o, testConfig(command), "=main")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, o
}

func testOptions(t testing.TB, events func(Event)) Options {
	t.Helper()
	dir, err := os.MkdirTemp("", "a") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Dir: dir, Events: events}
	t.Cleanup(func() {
		_ = o.Command("kill-server").Run()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return o
}

func run(t testing.TB, c *Control, args ...string) string {
	t.Helper()
	out, err := c.Run(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// wait waits for the channel, for no longer than any of these events may take on a busy machine.
func wait[T any](t testing.TB, what string, c <-chan T) (v T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case v = <-c:
	case <-ctx.Done():
		t.Fatal(fmt.Errorf("waiting for %s: %w", what, ctx.Err()))
	}
	return v
}
