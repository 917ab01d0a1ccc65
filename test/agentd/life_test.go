package agentd_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func TestAgentdExitsAsTheAgentDoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		command string
		want    int
	}{
		"success":           {"read go; exit 0", 0},
		"failure":           {"read go; exit 1", 1},
		"the status 2":      {"read go; exit 2", 2},
		"the status 255":    {"read go; exit 255", 255},
		"killed":            {"read go; kill -KILL $$", 128 + 9},
		"terminated":        {"read go; kill -TERM $$", 128 + 15},
		"a segmentation":    {"read go; ulimit -c 0; kill -SEGV $$", 128 + 11},
		"tmux kill-session": {"read go; tmux kill-session; sleep 60", 128 + 1},
		"tmux kill-server":  {"read go; tmux kill-server; sleep 60", 128 + 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t)
			c1 := d.dial()
			d.launch(c1, c.command)
			ended := d.lastEvent(c1)
			d.call(c1, wire.OpKeys, wire.Keys{Keys: []string{"Enter"}}, nil)
			if status := d.status(); status != c.want {
				t.Errorf("exit status %d, want %d", status, c.want)
			}
			last := <-ended
			if last.State != wire.StateExited || last.Exit == nil || last.Exit.Status != c.want {
				t.Errorf("the last event: %+v, exit %+v", last, last.Exit)
			}
			var kept wire.Exit
			if err := json.Unmarshal([]byte(read(t, d.path("state", "exit.json"))), &kept); err != nil || kept.Status != c.want {
				t.Errorf("exit.json: %+v, %v", kept, err)
			}
		})
	}
}

// lastEvent watches until the session has ended, and gives what was told last.
func (d *daemon) lastEvent(c *mux.Conn) <-chan wire.Event {
	d.t.Helper()
	k, err := c.Open(d.t.Context(), mux.Request{Op: wire.OpWatch})
	if err != nil {
		d.t.Fatal(err)
	}
	raw, err := k.NextPush()
	if err != nil {
		d.t.Fatal(err)
	}
	out := make(chan wire.Event, 1)
	go func() {
		defer k.Cancel()
		var last wire.Event
		for err == nil {
			last = wire.Event{} // an absent field is a zero
			if err := json.Unmarshal(raw, &last); err != nil {
				d.t.Error(err)
			}
			raw, err = k.NextPush()
		}
		if err := k.Result(nil); err != nil {
			d.t.Errorf("the watch's end: %v", err)
		}
		out <- last
	}()
	return out
}

func TestTheLastScreenGoesToTheTerminationLog(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "echo the reason; read go; exit 4")
	d.waitText(c, "the reason")
	d.call(c, wire.OpKeys, wire.Keys{Keys: []string{"Enter"}}, nil)
	d.status()
	if text := read(t, d.path("termination")); !strings.Contains(text, "the reason") || len(text) > 3<<10 {
		t.Errorf("the termination log holds %q", text)
	}
}

func TestSIGTERMStopsTheAgentGracefully(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, `trap 'echo bye > bye; exit 5' INT; echo ready; while :; do sleep 0.1; done`)
	d.waitText(c, "ready")
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := d.status(); status != 5 {
		t.Errorf("status %d, want the 5 that the agent chose", status)
	}
	if read(t, d.path("work", "bye")) != "bye\n" {
		t.Error("the agent could not say goodbye")
	}
	<-c.Done()
	if code := mux.CloseCode(c.Err()); code != wire.CloseExited {
		t.Errorf("close code %d (%v), want %d", code, c.Err(), wire.CloseExited)
	}
}

func TestSIGTERMEndsAnAgentThatWillNot(t *testing.T) {
	t.Parallel()
	d := prepare(t)
	d.run("--grace", "1s")
	c := d.dial()
	d.launch(c, `trap '' INT TERM HUP; echo ready; while :; do sleep 0.1; done`)
	d.waitText(c, "ready")
	pane, err := strconv.Atoi(d.tmux("display-message", "-p", "-t", "main", "#{pane_pid}"))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	d.status()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v with a grace of 1 s", took)
	}
	if lives(pane) {
		t.Error("the agent lives on")
	}
}

func TestASecondSIGTERMShortensTheGrace(t *testing.T) {
	t.Parallel()
	d := prepare(t)
	d.run("--grace", "60s")
	c := d.dial()
	d.launch(c, `trap '' INT TERM HUP; echo ready; while :; do sleep 0.1; done`)
	d.waitText(c, "ready")
	w, err := c.Open(t.Context(), mux.Request{Op: wire.OpWatch})
	if err != nil {
		t.Fatal(err)
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	for {
		raw, err := w.NextPush()
		if err != nil {
			t.Fatal(err)
		}
		var e wire.Event
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		if e.Stopping {
			break
		}
	}
	began := time.Now()
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	d.status()
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v after the second signal", took)
	}
}

func TestSIGTERMEndsAgentdThatWaits(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.call(c, wire.OpState, nil, nil)
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	d.status()
	<-c.Done()
}

func TestOtherSignalsDoNotMatter(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "cat")
	serve := child(t, d.cmd.Process.Pid, " serve ")
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGPIPE} {
		_ = d.cmd.Process.Signal(sig)
	}
	d.nudge(c, "still here")
	d.waitScreen(c, "the echo", func(s string) bool { return strings.Count(s, "still here") == 2 })
	if now := child(t, d.cmd.Process.Pid, " serve "); now != serve {
		t.Errorf("serve %d became %d", serve, now)
	}
}

func TestAKilledServeIsReplacedAndAdoptsTheAgent(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launchAll(c, wire.Launch{Command: "cat", Env: map[string]string{"GC_SESSION_ID": "s1"}})
	d.nudge(c, "before")
	d.waitScreen(c, "the echo", func(s string) bool { return strings.Count(s, "before") == 2 })
	d.call(c, wire.OpMetaSet, wire.Meta{Key: "k", Value: "v"}, nil)
	var before wire.StateReply
	d.call(c, wire.OpState, nil, &before)
	pane := d.tmux("display-message", "-p", "-t", "main", "#{pane_pid}")
	for range 2 {
		serve := child(t, d.cmd.Process.Pid, " serve ")
		if err := syscall.Kill(serve, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		c = d.dial() // waits in init's listener
		var after wire.StateReply
		d.call(c, wire.OpState, nil, &after)
		if after.State != wire.StateRunning || !after.Started.Equal(before.Started) || after.Screen <= before.Screen || after.Activity.Before(before.Started) {
			t.Errorf("adopted: %+v, before %+v", after, before)
		}
		if now := d.tmux("display-message", "-p", "-t", "main", "#{pane_pid}"); now != pane {
			t.Errorf("pane's process %s became %s", pane, now)
		}
		for key, want := range map[string]string{"k": "v", "GC_SESSION_ID": "s1"} {
			var m wire.Meta
			d.call(c, wire.OpMetaGet, wire.Meta{Key: key}, &m)
			if m.Value != want {
				t.Errorf("meta %s is %+v", key, m)
			}
		}
	}
	d.nudge(c, "after")
	d.waitScreen(c, "both", func(s string) bool { return strings.Count(s, "before") == 2 && strings.Count(s, "after") == 2 })
	d.call(c, wire.OpKeys, wire.Keys{Keys: []string{"C-d"}}, nil)
	if status := d.status(); status != 0 {
		t.Errorf("status %d, want 0", status)
	}
}

func TestAServeThatCrashesAgainAndAgainIsGivenUp(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "sleep 1000")
	pane, err := strconv.Atoi(d.tmux("display-message", "-p", "-t", "main", "#{pane_pid}"))
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for last := 0; ; killed++ {
		serve := 0
		within(t, "another serve, or the end", func() bool {
			select {
			case <-d.ended:
				return true
			default:
			}
			for _, pid := range children(t, d.cmd.Process.Pid) {
				line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // it may just have ended
				if pid != last && strings.Contains(string(line), "\x00serve\x00") {
					serve = pid
				}
			}
			return serve != 0
		})
		if serve == 0 {
			break
		}
		_ = syscall.Kill(serve, syscall.SIGKILL)
		last = serve
	}
	if killed != 6 {
		t.Errorf("init gave up after %d crashes, want 6", killed)
	}
	if status := d.status(); status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	if lives(pane) {
		t.Error("the agent was left behind")
	}
}

func TestAKilledInitTakesServeAlongAndTheNextOneAdopts(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "cat")
	pane := d.tmux("display-message", "-p", "-t", "main", "#{pane_pid}")
	serve := child(t, d.cmd.Process.Pid, " serve ")
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.ended
	within(t, "serve leaves", func() bool { return !lives(serve) })
	d.run()
	c = d.dial()
	var state wire.StateReply
	d.call(c, wire.OpState, nil, &state)
	if state.State != wire.StateRunning {
		t.Errorf("state %s", state.State)
	}
	if now := d.tmux("display-message", "-p", "-t", "main", "#{pane_pid}"); now != pane {
		t.Errorf("pane's process %s became %s", pane, now)
	}
	d.nudge(c, "hello")
	d.waitScreen(c, "the echo", func(s string) bool { return strings.Count(s, "hello") == 2 })
	d.call(c, wire.OpStop, wire.Stop{}, nil)
	d.status()
}

func TestAKilledTmuxEndsTheSession(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "sleep 1000 & cat")
	server, err := strconv.Atoi(d.tmux("display-message", "-p", "-t", "main", "#{pid}"))
	if err != nil {
		t.Fatal(err)
	}
	ended := d.lastEvent(c)
	if err := syscall.Kill(server, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if last := <-ended; last.State != wire.StateExited || last.Exit == nil || !strings.Contains(last.Exit.Reason, "tmux") {
		t.Errorf("the last event: %+v, exit %+v", last, last.Exit)
	}
	if status := d.status(); status != 1 {
		t.Errorf("status %d, want 1", status)
	}
}

func TestStopReturnsWhenTheSessionIsGone(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "sleep 1000 & echo $! > background; exec cat")
	within(t, "the agent has a child", func() bool { return strings.HasSuffix(read(t, d.path("work", "background")), "\n") })
	background, err := strconv.Atoi(strings.TrimSpace(read(t, d.path("work", "background"))))
	if err != nil {
		t.Fatal(err)
	}
	pane, err := strconv.Atoi(d.tmux("display-message", "-p", "-t", "main", "#{pane_pid}"))
	if err != nil {
		t.Fatal(err)
	}
	d.call(c, wire.OpStop, wire.Stop{GraceMS: 3000}, nil)
	if lives(pane) {
		t.Error("the agent lives on after its stop")
	}
	d.status()
	if lives(background) {
		t.Error("the agent's child was left behind")
	}
}

func TestProbesAndMetrics(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.call(c, wire.OpState, nil, nil)
	check := func(path string, want int, text string) {
		t.Helper()
		if status, body := d.get(path); status != want || !strings.Contains(body, text) {
			t.Errorf("%s: %d %q, want %d and %q", path, status, body, want, text)
		}
	}
	check("/healthz", 200, "ok")
	check("/readyz", 503, "waiting")
	d.launch(c, "cat")
	check("/healthz", 200, "ok")
	check("/readyz", 200, "ok")
	if r := d.ask("GET", "/", nil); r.StatusCode != 401 {
		t.Errorf("status %d", r.StatusCode)
	}
	check("/metrics", 200, `agentd_requests_total{code="",op="launch"} 1`)
	check("/metrics", 200, `agentd_connections 1`)
	check("/metrics", 200, `agentd_connections_refused_total{reason="token"} 1`)
	check("/metrics", 200, `agentd_session_state{state="running"} 1`)
	check("/metrics", 200, `agentd_serve_restarts_total 0`)
	if status, out := d.command("healthz", "--health", "unix:"+d.path("run", "h"), "--ready"); status != 0 {
		t.Errorf("healthz --ready: %d %s", status, out)
	}
	if status, out := d.command("healthz", "--health", "unix:"+d.path("run", "nobody")); status != 1 || out == "" {
		t.Errorf("healthz of nobody: %d %s", status, out)
	}
}
