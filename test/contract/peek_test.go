package contract_test

import (
	"strconv"
	"strings"
	"testing"
)

func TestPeekGivesWhatTmuxGives(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": `i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo "line $i  é 漢字 🙂  "; done; printf '\033[1;31mred\033[0m\n\n   indented\n'; exec cat`})
		g.untilScreen("s", "indented")
		for _, lines := range []int{0, -1, -50, 1, 5, 50, 120, 299, 10000} {
			start := "-S-" + strconv.Itoa(lines)
			if lines <= 0 {
				start = "-S-"
			}
			want := g.tmux("s", "capture-pane", "-p", "-t", "main", start)
			if r := g.run("", "peek", "s", strconv.Itoa(lines)); r.status != 0 || r.stdout != want {
				t.Errorf("peek %d gives %d bytes, tmux %d", lines, len(r.stdout), len(want))
			}
		}
	})
}

func TestPeekShowsAChangeAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": "exec cat"})
		for i := range 20 { // all on one row: a word that wraps is never seen whole
			word := "word-" + strconv.Itoa(i) + "."
			g.tmux("s", "send-keys", "-l", "-t", "main", word)
			g.untilScreen("s", word)
			g.is(strings.TrimRight(g.tmux("s", "capture-pane", "-p", "-t", "main", "-S-"), "\n"), "peek", "s", "0")
		}
	})
}

func TestPeekShowsWhatANudgeDoes(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": "stty -echo -icanon; echo ready; exec cat"})
		g.untilScreen("s", "ready")
		g.is("ready", "peek", "s", "0")
		g.okIn("x", "nudge", "s") // accepted, and typed when its turn comes
		g.until("the nudge shows", func() bool { return g.ok("peek", "s", "0") != "ready" })
	})
}

func TestPeekOfAMissingSessionIsEmpty(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.is("", "peek", "nobody", "10")
	})
}

func TestClearScrollbackForgetsTheLinesAboveTheScreen(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": `seq 1000; echo done; exec cat`})
		g.untilScreen("s", "done")
		if got := g.ok("peek", "s", "0"); !strings.HasPrefix(got, "1\n2\n") {
			t.Fatalf("the scrollback begins %.20q", got)
		}
		g.ok("clear-scrollback", "s")
		if got := g.ok("peek", "s", "0"); strings.HasPrefix(got, "1\n2\n") || !strings.HasSuffix(got, "done") {
			t.Errorf("after clear-scrollback there is %.20q…", got)
		}
		g.ok("clear-scrollback", "nobody")
	})
}
