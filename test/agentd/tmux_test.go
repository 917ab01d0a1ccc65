package agentd_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// A serve that reads nothing for seconds while somebody is attached (else tmux would hold back the agent) is what pause-after is for: tmux stops telling
// it of output, and must be told to go on.
func TestAServeThatWasHeldUpInAFloodCatchesUp(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	if err := syscall.Mkfifo(d.path("work", "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.launch(c, "read go; timeout 3 yes 'line after line after line'; echo > flooded; echo flooded; read go < fifo; echo late words; exec cat")
	serve := child(t, d.cmd.Process.Pid, " serve ")
	d.attach(c, wire.Attach{Size: size(80, 24)}).write("\r")
	d.waitText(c, "line after line")
	if err := syscall.Kill(serve, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	within(t, "the agent has flooded", func() bool { _, err := os.Stat(d.path("work", "flooded")); return err == nil })
	if err := syscall.Kill(serve, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	d.waitText(c, "flooded")
	w := d.watch(c)
	w.rest(500 * time.Millisecond)
	before := d.metric("agentd_session_prints_total")
	if err := os.WriteFile(d.path("work", "fifo"), []byte("\n"), 0); err != nil {
		t.Fatal(err)
	}
	d.waitText(c, "late words")
	within(t, "tmux tells of output again", func() bool { return d.metric("agentd_session_prints_total") > before })
	if n := d.metric("agentd_tmux_reconnects_total"); n != 0 {
		t.Errorf("tmux cut the connection off %v times", n)
	}
}

// An agent may detach everybody, agentd's own control connection included. Who was attached learns that it was; everything else goes on.
func TestAnAgentThatDetachesEverybodyIsStillServed(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "read go; tmux detach-client -s main; exec cat")
	a := d.attach(c, wire.Attach{Size: size(80, 24)})
	a.write("\r")
	<-a.done
	var reply wire.AttachReply
	if err := a.call.Result(&reply); err != nil || !reply.Detached || reply.Exit != nil {
		t.Errorf("the detached terminal's end: %+v, %v", reply, err)
	}
	d.nudge(c, "hello")
	d.waitScreen(c, "the echo", func(s string) bool { return strings.Count(s, "hello") == 2 })
	if n := d.metric("agentd_tmux_reconnects_total"); n != 1 {
		t.Errorf("the metrics tell of %v lost connections, want 1", n)
	}
}

// Another command in the agent's pane is the agent from then on.
func TestARespawnedPaneIsTheAgent(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "exec sleep 1000")
	d.tmux("respawn-pane", "-k", "-t", "main", "read go; exit 17")
	within(t, "the old command is gone", func() bool { // which changes nothing on the screen
		var alive wire.ProcessAliveReply
		d.call(c, wire.OpProcessAlive, wire.ProcessAlive{Names: []string{"sleep"}}, &alive)
		return !alive.Alive
	})
	var state wire.StateReply
	if d.call(c, wire.OpState, nil, &state); state.State != wire.StateRunning {
		t.Errorf("state %+v", state)
	}
	d.call(c, wire.OpKeys, wire.Keys{Keys: []string{"Enter"}}, nil)
	if status := d.status(); status != 17 {
		t.Errorf("status %d, want the new command's 17", status)
	}
}

// Someone who kills the pane's window, or all of tmux, while terminals are attached: they learn of the end and not of a detaching.
func TestTerminalsOfAKilledSessionLearnOfItsEnd(t *testing.T) {
	t.Parallel()
	for name, command := range map[string][]string{
		"the session": {"kill-session", "-t", "main"},
		"the window":  {"kill-window", "-t", "main"},
		"the pane":    {"kill-pane", "-t", "main"},
		"the server":  {"kill-server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t)
			c := d.dial()
			d.launch(c, "echo ready; exec cat")
			a := d.attach(c, wire.Attach{Size: size(80, 24)})
			a.await("ready")
			d.tmux(command...)
			<-a.done
			var reply wire.AttachReply
			if err := a.call.Result(&reply); err != nil || reply.Detached || reply.Exit == nil || reply.Exit.Status != 128+int(syscall.SIGHUP) {
				t.Errorf("the terminal's end: %+v (exit %+v), %v", reply, reply.Exit, err)
			}
			if status := d.status(); status != 128+int(syscall.SIGHUP) {
				t.Errorf("status %d, want that of a SIGHUP", status)
			}
		})
	}
}
