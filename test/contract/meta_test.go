package contract_test

import (
	"strings"
	"testing"
)

func TestMetaIsSeededByTheEnvironment(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": "cat", "env": map[string]string{"GC_SESSION_ID": "id-1", "GC_INSTANCE_TOKEN": "token-1"}})
		g.is("id-1", "get-meta", "s", "GC_SESSION_ID")
		g.is("token-1", "get-meta", "s", "GC_INSTANCE_TOKEN")
		g.is("", "get-meta", "s", "GC_NEVER_SET")
	})
}

func TestMetaKeepsAnyValue(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": "cat"})
		for _, value := range []string{"", "plain", "two words", "-t main", "a=b", "#{pid} $HOME \"q\" 'q' \\ ;", "é 🙂", "line 1\nline 2", "tab\tbed", strings.Repeat("long ", 1000)} {
			g.okIn(value, "set-meta", "s", "KEY")
			if r := g.run("", "get-meta", "s", "KEY"); r.status != 0 || r.stdout != value {
				t.Errorf("set %.40q, got %.40q (status %d)", value, r.stdout, r.status)
			}
		}
		g.ok("remove-meta", "s", "KEY")
		g.is("", "get-meta", "s", "KEY")
		g.ok("remove-meta", "s", "KEY")
	})
}

func TestMetaIsSharedWithTheProgramsInTheSession(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": `tmux set-environment -t main FROM_INSIDE "drain ack"; echo set; exec sh`})
		g.untilScreen("s", "set")
		g.is("drain ack", "get-meta", "s", "FROM_INSIDE")
		g.okIn("from outside", "set-meta", "s", "FROM_OUTSIDE")
		g.okIn(`tmux show-environment -t main FROM_OUTSIDE`, "nudge", "s")
		g.untilScreen("s", "FROM_OUTSIDE=from outside")
		g.okIn(`tmux set-environment -t main -u FROM_INSIDE && echo "un"set`, "nudge", "s")
		g.untilScreen("s", "\nunset")
		g.is("", "get-meta", "s", "FROM_INSIDE")
	})
}

func TestMetaOutlivesTheAgent(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(g *gc){
		"an agent that exits": func(g *gc) { g.ok("send-keys", "s", "C-d") },
		"tmux that is killed": func(g *gc) { g.kill(g.tmuxPID("s")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			g.start("s", config{"command": "cat", "env": map[string]string{"GC_SESSION_ID": "id-1"}})
			g.okIn("acknowledged", "set-meta", "s", "GC_DRAIN_ACK")
			end(g)
			g.until("it has ended", func() bool { return g.ok("is-running", "s") == "false" })
			g.is("acknowledged", "get-meta", "s", "GC_DRAIN_ACK")
			g.is("id-1", "get-meta", "s", "GC_SESSION_ID")
			g.kill(g.hub().PID) // and the hub
			g.is("acknowledged", "get-meta", "s", "GC_DRAIN_ACK")
		})
	}
}

func TestWhatTheAgentItselfSaidOutlivesIt(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": `read -r line; tmux set-environment -t main GC_DRAIN_ACK yes`})
		g.ok("send-keys", "s", "Enter")
		g.until("it has ended", func() bool { return g.ok("is-running", "s") == "false" })
		g.is("yes", "get-meta", "s", "GC_DRAIN_ACK")
	})
}

// The laptop may sleep, or there is no hub at all.
func TestWhatTheAgentSaidWithNobodyLinkedOutlivesIt(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{
			"command": `read -r line; tmux set-environment -t main GC_DRAIN_ACK yes; tmux set-environment -t main -u GC_ALIAS; tmux set-environment -t main SECRET mine`,
			"env":     map[string]string{"GC_SESSION_ID": "id-1", "GC_ALIAS": "worker", "GC_DOLT_PASSWORD": "hidden"},
		})
		g.okIn("no", "set-meta", "s", "GC_DRAIN_ACK")
		g.kill(g.hub().PID)
		g.tmux("s", "send-keys", "-t", "main", "Enter")
		if g.pods != nil { // nobody asks what runs there meanwhile: whoever did would be linked
			g.until("the pod has succeeded", func() bool {
				return g.kubectl("get", "pods", "-l", "app=gc-agent", "-o", "jsonpath={.items[*].status.phase}") == "Succeeded"
			})
			if shown := g.kubectl("get", "pods", "-o", "yaml"); strings.Contains(shown, "hidden") {
				t.Errorf("whoever may read pods reads Dolt's password:\n%s", shown)
			}
		}
		for _, hub := range []string{"GC_HUB=off", "GC_HUB="} {
			g.env = append(g.env, hub)
			g.until("it has ended", func() bool { return g.ok("is-running", "s") == "false" })
			g.is("yes", "get-meta", "s", "GC_DRAIN_ACK")
			g.is("mine", "get-meta", "s", "SECRET")
			g.is("", "get-meta", "s", "GC_ALIAS")
			g.is("id-1", "get-meta", "s", "GC_SESSION_ID")
		}
		// Later changes count, also to the next hub.
		g.okIn("later", "set-meta", "s", "GC_NOTE")
		g.ok("remove-meta", "s", "GC_DRAIN_ACK")
		g.kill(g.hub().PID)
		g.is("later", "get-meta", "s", "GC_NOTE")
		g.is("", "get-meta", "s", "GC_DRAIN_ACK")
		g.is("mine", "get-meta", "s", "SECRET")
	})
}

func TestMetaOfAMissingSession(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.is("", "get-meta", "nobody", "KEY")
		g.ok("remove-meta", "nobody", "KEY")
		if said := g.fails("value", "set-meta", "nobody", "KEY"); !strings.Contains(said, "nobody") {
			t.Errorf("set-meta says %q", said)
		}
	})
}

func TestMetaCanBeChangedAfterTheAgentsEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": "cat", "env": map[string]string{"GC_SESSION_ID": "id-1"}})
		g.okIn("acknowledged", "set-meta", "s", "GC_DRAIN_ACK")
		g.ok("send-keys", "s", "C-d")
		// At once, whatever has noticed the end by then.
		g.ok("remove-meta", "s", "GC_DRAIN_ACK")
		g.is("", "get-meta", "s", "GC_DRAIN_ACK")
		g.okIn("later", "set-meta", "s", "GC_NOTE")
		g.until("it has ended", func() bool { return g.ok("is-running", "s") == "false" })
		for range 2 {
			g.is("", "get-meta", "s", "GC_DRAIN_ACK")
			g.is("later", "get-meta", "s", "GC_NOTE")
			g.is("id-1", "get-meta", "s", "GC_SESSION_ID")
			g.kill(g.hub().PID)
		}
		g.okIn("latest", "set-meta", "s", "GC_NOTE")
		g.ok("remove-meta", "s", "GC_SESSION_ID")
		g.is("latest", "get-meta", "s", "GC_NOTE")
		g.is("", "get-meta", "s", "GC_SESSION_ID")
		g.fails("value", "set-meta", "s", "")
		// The next agent of that name has its own.
		g.start("s", config{"command": "cat"})
		g.is("", "get-meta", "s", "GC_NOTE")
	})
}
