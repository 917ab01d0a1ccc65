package contract_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// watcher is a watch that runs.
type watcher struct {
	g      *gc
	cmd    *exec.Cmd
	out    *os.File
	stderr *strings.Builder
	lines  chan string // closed at the end of its output
	began  time.Time
	ended  bool
}

// watch begins a watch. The test's end ends it as gc does.
func (g *gc) watch(after string) *watcher {
	g.t.Helper()
	ours, theirs, err := os.Pipe()
	if err != nil {
		g.t.Fatal(err)
	}
	w := &watcher{g: g, out: ours, stderr: new(strings.Builder), lines: make(chan string, 10000), began: time.Now()}
	w.cmd, _, _ = g.command(context.Background(), "", "watch", after)
	w.cmd.Stdout, w.cmd.Stderr = theirs, w.stderr
	if err := w.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	theirs.Close()
	go func() {
		defer close(w.lines)
		in := bufio.NewReaderSize(ours, 64<<10)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			w.lines <- strings.TrimSuffix(line, "\n")
		}
	}()
	g.t.Cleanup(func() {
		if !w.ended {
			_ = w.cmd.Process.Kill()
			_ = w.cmd.Wait()
		}
		ours.Close()
	})
	return w
}

// next gives the next line.
func (w *watcher) next() string {
	w.g.t.Helper()
	select {
	case line, ok := <-w.lines:
		if !ok {
			w.g.t.Fatalf("the watch ended: %s", w.wait())
		}
		return line
	case <-time.After(patience):
		w.g.t.Fatalf("no line within %s", patience)
	}
	return ""
}

// seqs gives the numbers of the next n lines.
func (w *watcher) seqs(n int) string {
	w.g.t.Helper()
	var list []event
	for range n {
		var e event
		if line := w.next(); json.Unmarshal([]byte(line), &e) != nil {
			w.g.t.Fatalf("the line %q is no event", line)
		}
		list = append(list, e)
	}
	return seqs(list)
}

// wait waits for the end, and gives the status and what was said.
func (w *watcher) wait() string {
	w.g.t.Helper()
	late := time.AfterFunc(patience, func() {
		w.g.t.Errorf("the watch does not end")
		_ = w.cmd.Process.Kill()
	})
	defer late.Stop()
	err := w.cmd.Wait()
	w.ended = true
	return strings.TrimSpace(fmt.Sprintf("status %d %s", statusOf(err), w.stderr))
}

func TestAWatchReplaysAndFollows(t *testing.T) {
	eventsEverywhere(t, func(t *testing.T, g *gc) {
		for range 4 {
			g.okIn(`{"type":"a"}`, "record")
		}
		all, some := g.watch("0"), g.watch("2")
		if got := all.seqs(4); got != "[1 2 3 4]" {
			t.Errorf("replayed after 0: %s", got)
		}
		if got := some.seqs(2); got != "[3 4]" {
			t.Errorf("replayed after 2: %s", got)
		}
		for range 3 {
			g.okIn("{\"type\":\"b\",\n\"message\":\"two lines\"}", "record")
		}
		for _, w := range []*watcher{all, some} {
			if got := w.seqs(3); got != "[5 6 7]" {
				t.Errorf("followed: %s", got)
			}
		}
	})
}

func TestAWatchTellsWithin2SecondsAlsoWhereNoHubRuns(t *testing.T) {
	eventsEverywhere(t, func(t *testing.T, g *gc) {
		g.okIn(`{"type":"a"}`, "record")
		if hub := g.hub(); hub.PID != 0 {
			g.kill(hub.PID)
		}
		w := g.watch("0")
		w.next()
		if took := time.Since(w.began); took > 2*time.Second {
			t.Errorf("the first line took %s", took)
		}
	})
}

func TestAWatchThatNobodyReadsEndsWell(t *testing.T) {
	eventsEverywhere(t, func(t *testing.T, g *gc) {
		for name, after := range map[string]string{"before anything came": "1", "after some": "0"} {
			g.okIn(`{"type":"a"}`, "record")
			w := g.watch(after)
			if after == "0" {
				w.next()
			}
			w.out.Close()
			if got := w.wait(); got != "status 0" {
				t.Errorf("%s: %s", name, got)
			}
		}
		w := g.watch("0")
		w.next()
		_ = w.cmd.Process.Signal(syscall.SIGTERM)
		if got := w.wait(); got != "status 0" {
			t.Errorf("told to end: %s", got)
		}
	})
}

func TestAWatchOutlivesItsHubs(t *testing.T) {
	t.Parallel()
	g := newEvents(t)
	g.okIn(`{"type":"a"}`, "record")
	w := g.watch("0")
	w.seqs(1)
	for i := range 3 {
		g.kill(g.hub().PID)
		g.okIn(`{"type":"a"}`, "record")
		g.okIn(`{"type":"a"}`, "record")
		if got, want := w.seqs(2), fmt.Sprint([]int{2 + 2*i, 3 + 2*i}); got != want {
			t.Errorf("after its hub's end: %s, want %s", got, want)
		}
	}
}

func TestAWatchThatIsNotReadHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	g := newEvents(t)
	cmd, _, _ := g.command(context.Background(), "", "watch", "0")
	cmd.Stdout = nil
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	other := g.watch("0")
	large := `{"type":"a","message":"` + strings.Repeat("x", 60<<10) + `"}`
	for range 30 {
		g.okIn(large, "record")
		other.next()
	}
	// Then it is read, and has missed nothing.
	in := json.NewDecoder(io.LimitReader(out, 30<<16))
	for i := range uint64(30) {
		var e event
		if err := in.Decode(&e); err != nil || e.Seq != i+1 {
			t.Fatalf("event %d: %d, %v", i+1, e.Seq, err)
		}
	}
}
