package contract_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestANudgeIsLiteralAndSubmittedOnce(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]string{
		"a letter":                 "x",
		"key names":                "C-c Enter Escape",
		"an option":                "-t main",
		"a dash":                   "-",
		"shell syntax":             "$(touch pwned) `id` ; # \"quoted\" 'text'",
		"tmux syntax":              "#{pane_id} %1 ; kill-server ~",
		"a semicolon at the end":   "echo;",
		"lines":                    "first\nsecond\n\nfourth",
		"a line end":               "text\n",
		"tabs":                     "a\tb",
		"letters of all the world": "é ß 漢字 🙂 👩‍👩‍👧 é",
		"a slash command":          "/model opus",
		"long":                     strings.Repeat("0123456789abcdef ", 6000),
	} {
		for _, program := range []string{"prompt", "swallow"} {
			t.Run(name+", to "+program, func(t *testing.T) {
				t.Parallel()
				g := newGC(t)
				g.start("s", agent(program, g.path("got")))
				g.untilScreen("s", "ready")
				g.okIn(message, "nudge", "s")
				g.until("it is submitted", func() bool { return len(g.submitted("got")) > 0 })
				g.okIn("end", "nudge", "s")
				g.until("the next is submitted", func() bool { return len(g.submitted("got")) > 1 })
				// A newline reaches a TUI as CR, as from a keyboard. The last only ends the message, which submits it.
				want := []string{strings.ReplaceAll(strings.TrimSuffix(message, "\n"), "\n", "\r"), "end"}
				if got := g.submitted("got"); !slices.Equal(got, want) {
					t.Errorf("submitted %.200q, want %.200q", got, want)
				}
			})
		}
	}
}

func TestANudgeReachesRealPrograms(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ program, command, ready, message, shows string }{
		"bash":    {"bash", "PS1='ready> ' bash --norc", "ready>", "echo $((6*7))\necho $((6*8))", "\n48"},
		"python3": {"python3", "python3 -q", ">>>", "print(6*7)", "\n42"},
		"node":    {"node", "node", ">", "console.log(6*7)", "\n42"},
		"vim":     {"vim", "vim --clean -n out", `"out" [New]`, "first of two\nand the second", "first of two\nand the second"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			need(t, test.program)
			g := newGC(t)
			g.start("s", config{"command": test.command})
			g.untilScreen("s", test.ready)
			g.okIn(test.message, "nudge", "s")
			g.untilScreen("s", test.shows)
		})
	}
}

func TestABigNudgeArrivesWhole(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", agent("bytes", g.path("got")))
	g.untilScreen("s", "ready")
	message := strings.Repeat("0123456789abcde\n", 400<<10/16)
	g.okIn(message, "nudge", "s")
	want := strings.ReplaceAll(strings.TrimSuffix(message, "\n"), "\n", "\r") + "\r" // the line end of the message itself submits it
	g.until("it has arrived", func() bool { return len(g.file("got")) >= len(want) })
	if got := g.file("got"); got != want {
		t.Errorf("%d bytes arrived, not the %d that were sent", len(got), len(want))
	}
}

func TestNudgesNeverInterleaveAndKeepTheirOrder(t *testing.T) {
	t.Parallel()
	const callers, each = 10, 5
	g := newGC(t)
	g.start("s", agent("prompt", g.path("got")))
	g.untilScreen("s", "ready")
	text := func(caller, i int) string {
		return fmt.Sprintf("caller %d message %d %s end", caller, i, strings.Repeat("lorem ipsum ", 100*(i%3)))
	}
	var calling sync.WaitGroup
	for caller := range callers {
		calling.Go(func() {
			for i := range each {
				if r := g.run(text(caller, i), "nudge", "s"); r.status != 0 {
					t.Errorf("nudge: status %d: %s", r.status, r.stderr)
				}
			}
		})
	}
	calling.Wait()
	g.until("all are submitted", func() bool { return len(g.submitted("got")) >= callers*each })
	next := [callers]int{}
	for _, got := range g.submitted("got") {
		var caller, i int
		if _, err := fmt.Sscanf(got, "caller %d message %d", &caller, &i); err != nil || caller >= callers {
			t.Fatalf("submitted %.80q", got)
		}
		if i != next[caller] || got != text(caller, i) {
			t.Errorf("caller %d: message %d came in the place of %d, or not whole", caller, i, next[caller])
		}
		next[caller]++
	}
}

func TestANudgeOfAMissingSessionIsSuccess(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		if got := g.okIn("hello", "nudge", "nobody"); got != "" {
			t.Errorf("it says %q", got)
		}
	})
}

func TestANudgeArrivesInCopyMode(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", agent("prompt", g.path("got")))
	g.untilScreen("s", "ready")
	g.tmux("s", "copy-mode", "-t", "main")
	g.okIn("hello", "nudge", "s")
	g.until("it is submitted", func() bool { return slices.Equal(g.submitted("got"), []string{"hello"}) })
}

func TestSendKeysPressesKeysByName(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", agent("bytes", g.path("got")))
	g.untilScreen("s", "ready")
	g.ok("send-keys", "s", "Down", "Escape", "C-c", "Enter", "y", "Tab", "-t")
	want := "\x1b[B\x1b\x03\ry\t-t"
	g.until("the keys have arrived", func() bool { return g.file("got") == want })
	g.ok("interrupt", "s")
	g.until("the interrupt has arrived", func() bool { return g.file("got") == want+"\x03" })
	g.ok("send-keys", "nobody", "Enter")
	g.ok("interrupt", "nobody")
}

func TestKeysComeAfterTheNudgesBeforeThem(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", agent("prompt", g.path("got")))
	g.untilScreen("s", "ready")
	g.okIn("one", "nudge", "s")
	g.okIn("two", "nudge", "s")
	g.ok("send-keys", "s", "three", "Enter")
	g.okIn("four", "nudge", "s")
	g.until("all are submitted", func() bool { return len(g.submitted("got")) == 4 })
	if got := g.submitted("got"); !slices.Equal(got, []string{"one", "two", "three", "four"}) {
		t.Errorf("submitted %q", got)
	}
}

func TestADialogIsSeenAndAnswered(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{
			"command":       `printf 'Do you trust the files in this folder?\n\n❯ 1. Yes, proceed\n  2. No, exit\n\nEnter to confirm'; read -r answer; clear; printf 'trusted\n> '; exec cat`,
			"process_names": []string{"sh", "dash", "bash", "zsh"},
		})
		// What gc does after start: it looks every 500 ms, here at once.
		g.until("the dialog shows", func() bool { return strings.Contains(g.ok("peek", "s", "120"), "trust the files in this folder") })
		g.ok("send-keys", "s", "Enter")
		g.until("the prompt shows", func() bool {
			screen := g.ok("peek", "s", "120")
			lines := strings.Split(strings.TrimRight(screen, "\n "), "\n")
			return strings.HasSuffix(lines[len(lines)-1], ">") && strings.Contains(screen, "trusted")
		})
	})
}
