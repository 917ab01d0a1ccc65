package nudge_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/nudge"
)

// unwatched is a Watcher that looks away.
type unwatched struct{}

func (unwatched) Typing(time.Time, string) {}
func (unwatched) Entering(time.Time)       {}
func (unwatched) Abandoned(time.Time)      {}

// queue runs a queue into a pane until the test ends.
func queue(t testing.TB, p nudge.Pane) *nudge.Queue {
	q := nudge.New(nudge.Config{Pane: p, Watcher: unwatched{}, Dir: t.TempDir()})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { q.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return q
}

func send(t testing.TB, q *nudge.Queue, text string) {
	t.Helper()
	if err := q.Nudge(t.Context(), "", []byte(text)); err != nil {
		t.Error(err) // not Fatal: it may be called from any goroutine
	}
}

// payloads are messages that must arrive as they are, in whatever program takes text literally.
var payloads = map[string]string{
	"one byte":                     "x",
	"UTF-8 with emoji":             "né 👍🏽 👩‍👩‍👧 e\u0301 日本語",
	"text like an option":          "-t",
	"two dashes":                   "--",
	"text like a key":              "C-c",
	"the name Enter":               "Enter",
	"a semicolon":                  ";",
	"a semicolon at the end":       "a; b;",
	"an escaped semicolon":         `\;`,
	"a format":                     "#{pane_id} #(id) #S %0",
	"quotes":                       `it's "so" $HOME ` + "`id`" + ` \n {x}`,
	"blanks at both ends":          "  a  ",
	"a slash command":              "/help me; -t 'x' né 👍 C-c \\",
	"a slash command over a chunk": "/long " + strings.Repeat("é; ", 3000) + "end",
	"a shell comment":              "# ~ * ? !x",
}

// blobs can't be lines of a terminal, but are bytes all the same.
var blobs = map[string]string{
	"100 KB":             strings.Repeat("0123456789abcde\n", 100<<10/16-1) + "0123456789abcdef",
	"tabs":               "a\tb\t\tc",
	"control characters": "\x00\x01\x03\x04\x1a\x1b[A\x1bOP\x1c\x7f\x80\xff\u0085",
	"several lines":      "one\ntwo\n\nfour",
	"CR and CR LF":       "a\rb\r\nc",
	"the end of a paste": "x\x1b\x1b[201~y",
}

func TestRawProgramsGetEveryByte(t *testing.T) {
	t.Parallel()
	for _, set := range []map[string]string{payloads, blobs} {
		for name, text := range set {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := start(t, "raw")
				send(t, queue(t, p), text)
				p.gets(strings.ReplaceAll(strings.ReplaceAll(text, "\x1b\x1b[201~", "[201~"), "\n", "\r") + "\r")
				p.getsNoMore() // one Enter, no second
			})
		}
	}
	t.Run("line ends at the end", func(t *testing.T) {
		t.Parallel()
		p := start(t, "raw")
		q := queue(t, p)
		for _, text := range []string{"a\n", "b\r\n", "c\n\n\n", "\n", ""} {
			send(t, q, text)
		}
		p.gets("a\rb\rc\r")
		p.getsNoMore()
	})
}

func TestLineReadersGetLines(t *testing.T) {
	t.Parallel()
	p := start(t, "lines")
	q := queue(t, p)
	for name, text := range payloads {
		if len(text) < 4096 { // a terminal's line holds no more
			send(t, q, text)
			p.gets(text + "\n")
			if t.Failed() {
				t.Fatalf("%s does not arrive", name)
			}
		}
	}
}

func TestAgentsGetMessagesWhole(t *testing.T) {
	t.Parallel()
	for _, env := range [][]string{
		{},
		{swallowVariable + "=100ms"},
		{swallowVariable + "=300ms"},
		{swallowVariable + "=300ms", silentVariable + "=1"},
		{swallowVariable + "=100ms", busyVariable + "=1"},
		{swallowVariable + "=300ms", busyVariable + "=1"},
	} {
		t.Run(strings.Join(env, ","), func(t *testing.T) {
			t.Parallel()
			p := start(t, "tui", env...)
			q := queue(t, p)
			for _, text := range []string{"x", "two\nlines", "/help", payloads["UTF-8 with emoji"], payloads["quotes"], blobs["tabs"], blobs["100 KB"]} {
				send(t, q, text)
				if got := p.message(); got != text {
					t.Errorf("the program got %s, want %s", short([]byte(got)), short([]byte(text)))
				}
			}
		})
	}
}

// TestABlindEnterIsSwallowed shows that the programs above are what they are said to be: an Enter right behind the paste is lost on them.
func TestABlindEnterIsSwallowed(t *testing.T) {
	t.Parallel()
	p := start(t, "tui", swallowVariable+"=300ms")
	if err := p.Paste(t.Context(), "b", []byte("lost"), ""); err != nil {
		t.Fatal(err)
	}
	if err := p.Enter(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	p.AwaitText("> lost")
	send(t, queue(t, p), " and found")
	if got := p.message(); got != "lost and found" {
		t.Errorf("the program got %q", got)
	}
}

// fifty sends 50 nudges from 10 callers at once, and holds them to 30 seconds.
func fifty(t *testing.T, q *nudge.Queue, text func(caller, n int) string) {
	t.Helper()
	begin := time.Now()
	var wg sync.WaitGroup
	for caller := range 10 {
		wg.Go(func() {
			for n := range 5 {
				send(t, q, text(caller, n))
			}
		})
	}
	wg.Wait()
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
}

// inOrder holds for 50 messages of 10 callers that are whole and each caller's in its order.
func inOrder(t *testing.T, messages []string, parse func(string) (caller, n int, err error)) {
	t.Helper()
	if len(messages) != 50 {
		t.Errorf("%d messages came", len(messages))
	}
	next := make([]int, 10)
	for _, text := range messages {
		caller, n, err := parse(text)
		if err != nil {
			t.Fatalf("torn message %q: %v", text, err)
		}
		if n != next[caller] {
			t.Errorf("message %d of caller %d came when %d was due", n, caller, next[caller])
		}
		next[caller]++
	}
}

func TestFiftyNudgesAtOnceArriveWholeAndInOrder(t *testing.T) {
	t.Parallel()
	tail := strings.Repeat("é", 30)
	parse := func(text string) (caller, n int, err error) {
		var rest string
		if _, err = fmt.Sscanf(text, "caller %d says %d: %s", &caller, &n, &rest); err == nil && rest != tail {
			err = fmt.Errorf("it ends in %q", rest)
		}
		return caller, n, err
	}
	var wg sync.WaitGroup // the subtests mostly wait, so they run at once whatever the number of processors
	for name, c := range map[string]struct {
		program string
		env     []string
	}{
		"to a program that reads raw and shows nothing": {"raw", nil},
		"to a program that echoes":                      {"tui", nil},
		"to one that swallows an Enter":                 {"tui", []string{swallowVariable + "=100ms"}},
		"to one that never rests":                       {"tui", []string{busyVariable + "=1"}},
	} {
		wg.Go(func() {
			t.Run(name, func(t *testing.T) {
				p := start(t, c.program, c.env...)
				fifty(t, queue(t, p), func(caller, n int) string { return fmt.Sprintf("caller %d says %d: %s", caller, n, tail) })
				var messages []string
				for range 50 {
					if c.program == "tui" {
						messages = append(messages, p.message())
						continue
					}
					line, err := p.r.ReadString('\r')
					if err != nil {
						t.Fatal(err)
					}
					messages = append(messages, strings.TrimSuffix(line, "\r"))
				}
				inOrder(t, messages, parse)
			})
		})
	}
	wg.Wait()
}

func TestNudgeReachesAProgramInCopyMode(t *testing.T) {
	t.Parallel()
	p := start(t, "tui")
	p.Run("copy-mode", "-t", "%0")
	send(t, queue(t, p), "hi")
	if got := p.message(); got != "hi" {
		t.Errorf("the program got %q", got)
	}
}
