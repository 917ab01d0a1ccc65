package contract_test

import (
	"testing"
	"time"
)

// activity is get-last-activity, which must be RFC 3339.
func (g *gc) activity(name string) time.Time {
	g.t.Helper()
	at, err := time.Parse(time.RFC3339, g.ok("get-last-activity", name))
	if err != nil {
		g.t.Fatal(err)
	}
	return at
}

// settled waits until the session's activity has not moved for two seconds: on a machine that is full of tests agentd may see later what was printed.
func (g *gc) settled(name string) time.Time {
	g.t.Helper()
	last, since := g.activity(name), time.Now()
	g.until("nothing happens for two seconds", func() bool {
		if now := g.activity(name); !now.Equal(last) {
			last, since = now, time.Now()
		}
		return time.Since(since) > 2*time.Second
	})
	return last
}

func TestActivityOfAMissingSessionIsEmpty(t *testing.T) {
	t.Parallel()
	newGC(t).is("", "get-last-activity", "nobody")
}

func TestActivityMovesWithTheOutputOfADetachedSession(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": `i=0; while :; do i=$((i+1)); echo "step $i"; sleep 0.1; done`})
		for range 3 {
			before := g.activity("s")
			g.until("activity moves", func() bool { return g.activity("s").After(before) })
			if late := time.Since(g.activity("s")); late > 2*time.Second {
				t.Errorf("activity is %s behind a busy agent", late)
			}
		}
	})
}

func TestOurOwnKeysAreNoActivity(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		// The terminal echoes, the program does nothing.
		g.start("s", config{"command": "echo ready; exec cat >/dev/null"})
		g.untilScreen("s", "ready")
		before := g.settled("s")
		g.okIn("are you there", "nudge", "s")
		g.ok("send-keys", "s", "x", "y", "Enter")
		g.untilScreen("s", "xy")
		if after := g.settled("s"); !after.Equal(before) {
			t.Errorf("activity moved from %s to %s by our own keys", before, after)
		}
	})
}

func TestARepaintOfTheSameTextIsNoActivity(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": `while :; do printf '\033[H\033[33midle prompt\033[0m\033[K\n> '; sleep 0.05; done`})
		g.untilScreen("s", "idle prompt")
		before := g.settled("s")
		if idle := time.Since(before); idle < 900*time.Millisecond {
			t.Errorf("an agent that only repaints was active %s ago", idle)
		}
	})
}

func TestAnAnswerToANudgeIsActivity(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": `echo ready; while read -r line; do sleep 0.7; echo "I have thought about it"; done`})
		g.untilScreen("s", "ready")
		before := g.settled("s")
		g.okIn("think", "nudge", "s")
		g.untilScreen("s", "thought")
		g.until("activity moves", func() bool { return g.activity("s").After(before) })
	})
}

func TestLookingIsNoActivity(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": "echo ready; exec cat"})
		g.untilScreen("s", "ready")
		before := g.settled("s")
		for range 10 {
			g.ok("peek", "s", "0")
			g.ok("is-running", "s")
			g.ok("get-meta", "s", "K")
		}
		if after := g.activity("s"); !after.Equal(before) {
			t.Errorf("activity moved from %s to %s by looking", before, after)
		}
	})
}
