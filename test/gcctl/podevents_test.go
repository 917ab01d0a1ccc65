package gcctl_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gascity/agentd/test/cluster"
)

func TestEventsOfANamespace(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	namespace := c.Namespace(t)
	h := newHome(t)
	h.sets("KUBECONFIG="+c.Kubeconfig, "GC_EVENTS=exec:gc-events-k8s", "GC_K8S_NAMESPACE="+namespace)

	if said := h.run("events", "ls"); said.status != 0 || !strings.Contains(said.stderr, `no events in namespace "`+namespace+`"`) {
		t.Fatalf("before there is one: %+v", said)
	}
	if seq := h.ok("events", "record", "--type", "bead.created", "--actor", "mayor", "--subject", "bd-1"); seq != "1\n" {
		t.Fatalf("the first number is %q", seq)
	}
	tail := h.tail("events", "tail", "-f", "-o", "name")
	if got := tail.line(); got != "1" {
		t.Errorf("tail begins with %q", got)
	}
	long := strings.Repeat("x", 100_000)
	h.input(`{"type":"long","ts":"2026-01-02T03:04:05Z","actor":"me","payload":"`+long+`"}`, "events", "record", "-")
	if got := tail.line(); got != "2" {
		t.Errorf("tail goes on with %q", got)
	}
	if got := h.ok("events", "get", "2", "-o", "json"); !strings.Contains(got, long) {
		t.Errorf("of a long event there is %.200q…", got)
	}
	if got := c.Run(t, "-n", namespace, "get", "configmaps", "-l", "gc/type=bead.created,gc/actor=mayor", "-o", "name"); got != "configmap/gc-evt-0000000001\n" {
		t.Errorf("kubectl finds %q", got)
	}
	// The hub may go: what follows goes on.
	h.ok("-n", namespace, "hub", "stop")
	if seq := h.ok("events", "record", "--type", "bead.closed"); seq != "3\n" {
		t.Errorf("the third number is %q", seq)
	}
	if got := tail.line(); got != "3" {
		t.Errorf("after its hub's end, tail goes on with %q", got)
	}
	if got := h.ok("events", "ls", "-o", "name", "--type", "bead.closed"); got != "3\n" {
		t.Errorf("ls --type gives %q", got)
	}
	if said := h.run("events", "prune", "--older-than", "0s", "--keep", "1"); said.status != 0 || said.stderr != "2 events deleted\n" {
		t.Errorf("prune: %+v", said)
	}
	h.sets("GC_HUB=off")
	if got := h.ok("events", "ls", "-o", "name"); got != "3\n" {
		t.Errorf("without a hub, ls gives %q", got)
	}
	if seq := h.ok("events", "record", "--type", "x"); seq != "4\n" {
		t.Errorf("without a hub, the number is %q", seq)
	}
	h.sets("GC_HUB=")
	if got := tail.line(); got != "4" {
		t.Errorf("at last, tail says %q", got)
	}
	if status := tail.interrupt(); status != 130 {
		t.Errorf("Ctrl-C ends tail with status %d", status)
	}
	h.ok("-n", namespace, "hub", "stop")
}

// input runs gcctl with something to read; it must succeed.
func (h *home) input(text string, args ...string) {
	h.t.Helper()
	cmd := exec.Command(filepath.Join(programs, "gcctl"), args...)
	cmd.Env, cmd.Dir, cmd.Stdin = h.env, h.dir, strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("gcctl %q: %v: %s", args, err, out)
	}
}

// tail is a gcctl that goes on.
type tail struct {
	h      *home
	cmd    *exec.Cmd
	lines  *bufio.Scanner
	stderr bytes.Buffer
}

func (h *home) tail(args ...string) *tail {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	h.t.Cleanup(cancel)
	f := &tail{h: h, cmd: exec.CommandContext(ctx, filepath.Join(programs, "gcctl"), args...)}
	f.cmd.Env, f.cmd.Dir, f.cmd.Stderr = h.env, h.dir, &f.stderr
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := f.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	f.lines = bufio.NewScanner(out)
	h.t.Cleanup(func() { cancel(); _, _ = io.Copy(io.Discard, out); _ = f.cmd.Wait() })
	return f
}

// line waits for the next line.
func (f *tail) line() string {
	f.h.t.Helper()
	if !f.lines.Scan() {
		f.h.t.Fatalf("it has ended, saying %q", f.stderr.String())
	}
	return f.lines.Text()
}

// interrupt ends it as Ctrl-C does, and gives its status.
func (f *tail) interrupt() int {
	f.h.t.Helper()
	if err := f.cmd.Process.Signal(syscall.SIGINT); err != nil {
		f.h.t.Fatal(err)
	}
	_ = f.cmd.Wait() // its status says it
	return f.cmd.ProcessState.ExitCode()
}
