package agentd_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/termstream"
)

// terminal is an attached terminal whose output is kept.
type terminal struct {
	t    *testing.T
	call *mux.Call

	mu     sync.Mutex
	screen strings.Builder
	total  int64
	more   chan struct{} // closed when output has come
	done   chan struct{} // closed at the output's end
}

// keptOutput bounds what a terminal keeps, in bytes.
const keptOutput = 1 << 20

func (d *daemon) attach(c *mux.Conn, a wire.Attach) *terminal {
	d.t.Helper()
	k, err := c.Open(d.t.Context(), mux.Request{Op: wire.OpAttach, Body: a, Window: 64 << 10})
	if err != nil {
		d.t.Fatal(err)
	}
	t := &terminal{t: d.t, call: k, more: make(chan struct{}), done: make(chan struct{})}
	out := io.Reader(k)
	if a.Encoding != "" {
		z, err := termstream.NewReader(k)
		if err != nil {
			d.t.Fatal(err)
		}
		d.t.Cleanup(z.Close) // after the reading has ended
		out = z
	}
	go t.read(out)
	d.t.Cleanup(func() {
		k.Cancel()
		<-t.done
	})
	return t
}

func (t *terminal) read(out io.Reader) {
	defer close(t.done)
	p := make([]byte, 32<<10)
	for {
		n, err := out.Read(p)
		t.mu.Lock()
		if t.screen.Len() > keptOutput {
			kept := t.screen.String()[t.screen.Len()-4096:]
			t.screen.Reset()
			t.screen.WriteString(kept)
		}
		t.screen.Write(p[:n])
		t.total += int64(n)
		close(t.more)
		t.more = make(chan struct{})
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (t *terminal) seen() (string, int64, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screen.String(), t.total, t.more
}

// await waits until the output holds text.
func (t *terminal) await(text string) {
	t.t.Helper()
	late := time.After(patience)
	for {
		out, _, more := t.seen()
		if strings.Contains(out, text) {
			return
		}
		select {
		case <-more:
		case <-t.done:
			if out, _, _ := t.seen(); !strings.Contains(out, text) {
				t.t.Fatalf("the terminal ended without %q: %q, %v", text, out, t.call.Result(nil))
			}
			return
		case <-late:
			t.t.Fatalf("no %q in %q", text, out[max(0, len(out)-2000):])
		}
	}
}

func (t *terminal) write(text string) {
	t.t.Helper()
	if _, err := io.WriteString(t.call, text); err != nil {
		t.t.Fatal(err)
	}
}

func size(columns, rows int) wire.Size { return wire.Size{Columns: columns, Rows: rows} }

func TestAttachTypesAndShows(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"", wire.EncodingZstd} {
		t.Run("encoding="+encoding, func(t *testing.T) {
			t.Parallel()
			typesAndShows(t, wire.Attach{Size: size(100, 30), Term: "no-such-terminal", Encoding: encoding})
		})
	}
}

func typesAndShows(t *testing.T, ask wire.Attach) {
	d := start(t)
	c := d.dial()
	d.launch(c, "bash --norc")
	a := d.attach(c, ask)
	a.write("echo $((6*7))x\r")
	a.await("42x")
	var attached wire.AttachedReply
	d.call(c, wire.OpAttached, nil, &attached)
	if !attached.Attached {
		t.Error("nobody is attached")
	}
	a.write("\x02d") // tmux's own key to detach
	<-a.done
	var reply wire.AttachReply
	if err := a.call.Result(&reply); err != nil || !reply.Detached || reply.Exit != nil {
		t.Errorf("the end of a detached terminal: %+v, %v", reply, err)
	}
	d.call(c, wire.OpAttached, nil, &attached)
	if attached.Attached {
		t.Error("somebody is attached still")
	}
	var state wire.StateReply
	if d.call(c, wire.OpState, nil, &state); state.State != wire.StateRunning {
		t.Errorf("leaving changed the session: %+v", state)
	}
}

func TestAttachTellsTheAgentsEnd(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "read go; exit 6")
	a := d.attach(c, wire.Attach{Size: size(80, 24)})
	a.write("\r")
	<-a.done
	var reply wire.AttachReply
	if err := a.call.Result(&reply); err != nil || reply.Detached || reply.Exit == nil || reply.Exit.Status != 6 {
		t.Errorf("%+v (exit %+v), %v", reply, reply.Exit, err)
	}
	if status := d.status(); status != 6 {
		t.Errorf("status %d", status)
	}
}

func TestTwoTerminalsOfDifferentSizes(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "bash --norc")
	first := d.attach(c, wire.Attach{Size: size(101, 31)})
	first.write("echo one$((1+1))\r")
	first.await("one2")
	within(t, "the window has the terminal's size", func() bool {
		return d.tmux("display-message", "-p", "-t", "main", "#{window_width}x#{window_height}") == "101x31"
	})
	second := d.attach(c, wire.Attach{Size: size(61, 21)})
	second.write("echo two$((1+1))\r")
	second.await("two2")
	first.await("two2")
	within(t, "the window has the size of who typed last", func() bool {
		return d.tmux("display-message", "-p", "-t", "main", "#{window_width}x#{window_height}") == "61x21"
	})
	if err := first.call.Push(size(111, 33)); err != nil {
		t.Fatal(err)
	}
	first.write("\r")
	within(t, "the window follows the resized terminal", func() bool {
		return d.tmux("display-message", "-p", "-t", "main", "#{window_width}x#{window_height}") == "111x33"
	})
	second.call.Cancel()
	within(t, "one terminal is left", func() bool {
		var state wire.StateReply
		d.call(c, wire.OpState, nil, &state)
		return state.Attached == 1
	})
	first.write("echo three$((1+1))\r")
	first.await("three2")
}

func TestAReadOnlyTerminalShowsAndNeverTypes(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launchAll(c, wire.Launch{Command: "cat", Columns: 120, Rows: 40})
	v := d.dialAs(wire.RoleViewer)
	a := d.attach(v, wire.Attach{Size: size(60, 20), ReadOnly: true})
	d.nudge(c, "shown to all")
	a.await("shown to all")
	a.write("typed\r\x03\x02d\x02:kill-server\r")
	d.nudge(c, "after")
	a.await("after")
	screen := d.waitScreen(c, "the echo", func(s string) bool { return strings.Count(s, "after") == 2 })
	if strings.Contains(screen, "typed") {
		t.Errorf("a viewer typed: %q", screen)
	}
	if got := d.tmux("display-message", "-p", "-t", "main", "#{window_width}x#{window_height}"); got != "120x40" {
		t.Errorf("a viewer's terminal changed the window to %s", got)
	}
	if err := d.try(v, wire.OpAttach, wire.Attach{Size: size(60, 20)}, nil); wire.CodeOf(err) != wire.CodeForbidden {
		t.Errorf("a viewer attaches to type: %v", err)
	}
}

func TestCtrlCOvertakesAFlood(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "bash --norc")
	a := d.attach(c, wire.Attach{Size: size(120, 40)})
	worst := time.Duration(0)
	for n := range 5 {
		a.write("yes 'a flood of lines that never ends by itself'\r")
		flooded(t, a, 64<<10) // tmux sends a terminal that lags some 10 screens a second, not all that is printed
		began := time.Now()
		a.write(fmt.Sprintf("\x03echo stopped%d$((1+1))\r", n))
		a.await(fmt.Sprintf("stopped%d2", n))
		worst = max(worst, time.Since(began))
	}
	serve := child(t, d.cmd.Process.Pid, " serve ")
	t.Logf("Ctrl-C in a flood: answered within %v; serve's resident set %d KiB", worst, resident(t, serve)>>10)
	if worst > 2*time.Second { // 200 ms is the aim, on a machine that does nothing else
		t.Errorf("Ctrl-C took %v", worst)
	}
	if rss := resident(t, serve); rss > 64<<20 {
		t.Errorf("serve takes %d MiB", rss>>20)
	}
}

// flooded waits until so many more bytes have come.
func flooded(t *testing.T, a *terminal, bytes int64) {
	t.Helper()
	_, from, _ := a.seen()
	late := time.After(patience)
	for {
		_, total, more := a.seen()
		if total-from > bytes {
			return
		}
		select {
		case <-more:
		case <-a.done:
			t.Fatal("the terminal ended")
		case <-late:
			t.Fatalf("only %d bytes came", total-from)
		}
	}
}

// A terminal that nobody reads must hold back neither the agent nor anything else on the same connection.
func TestASlowReaderHoldsBackItsOwnStreamAlone(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "bash --norc")
	slow, err := c.Open(t.Context(), mux.Request{Op: wire.OpAttach, Body: wire.Attach{Size: size(120, 40)}, Window: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Cancel()
	d.call(c, wire.OpKeys, wire.Keys{Keys: []string{"seq 1 200000; echo end$((1+1))", "Enter"}}, nil)
	d.waitText(c, "end2") // by watch and peek on the same connection
	fast := d.attach(c, wire.Attach{Size: size(120, 40)})
	fast.write("echo fast$((1+1))\r")
	fast.await("fast2")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Call(ctx, mux.Request{Op: wire.OpState}, nil); err != nil {
		t.Error(err)
	}
	p := make([]byte, 1<<10)
	if _, err := slow.Read(p); err != nil {
		t.Errorf("the slow reader's stream: %v", err)
	}
}

// resident is a process's resident set, in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Skipf("no /proc here: %v", err)
	}
	var total, pages int64
	if _, err := fmt.Sscan(string(b), &total, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
