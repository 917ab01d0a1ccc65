package gcctl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// patience is how long a test waits for what should take a moment: this machine may be busy with other tests.
const patience = 30 * time.Second

// home is somebody's folders, which no other test meets.
type home struct {
	t   *testing.T
	dir string // a short path: sockets lie below it
	env []string
}

func newHome(t *testing.T) *home {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ct")
	if err != nil {
		t.Fatal(err)
	}
	h := &home{t: t, dir: dir}
	for _, sub := range []string{"home", "state", "run"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	h.env = []string{
		"HOME=" + filepath.Join(dir, "home"), "XDG_STATE_HOME=" + filepath.Join(dir, "state"), "XDG_RUNTIME_DIR=" + filepath.Join(dir, "run"),
		"PATH=" + programs + ":" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TERM=xterm-256color", "USER=tester", "SHELL=/bin/sh", "PS1=$ ",
	}
	t.TempDir() // made now, the test's outlives leave: a kubeconfig may lie there
	t.Cleanup(h.leave)
	return h
}

// leave ends all that runs here.
func (h *home) leave() {
	for name := range strings.FieldsSeq(h.run("ls", "-a", "-o", "name").stdout) {
		h.run("stop", "--ignore-not-found", "--grace=1s", name)
	}
	h.run("hub", "stop")
	if h.t.Failed() {
		log, _ := os.ReadFile(filepath.Join(h.dir, "state/agentd/hub-local.log"))
		h.t.Logf("the hub's log:\n%s", log)
	}
	if err := os.RemoveAll(h.dir); err != nil {
		h.t.Error(err)
	}
}

// result is how a command ended.
type result struct {
	status         int
	stdout, stderr string
}

// run runs gcctl with nothing to read and no terminal.
func (h *home) run(args ...string) result {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(programs, "gcctl"), args...)
	cmd.Env, cmd.Dir = h.env, h.dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// ok runs gcctl, which must succeed, and gives what it prints.
func (h *home) ok(args ...string) string {
	h.t.Helper()
	r := h.run(args...)
	if r.status != 0 {
		h.t.Fatalf("gcctl %q: status %d: %s", args, r.status, r.stderr)
	}
	return r.stdout
}

// start starts a session.
func (h *home) start(name string, command ...string) {
	h.t.Helper()
	h.ok(append([]string{"start", "-q", name, "--"}, command...)...)
}

// session is what ls tells of a session.
func (h *home) session(name string) wire.Info {
	h.t.Helper()
	var list wire.ListReply
	if err := json.Unmarshal([]byte(h.ok("ls", "-a", "-o", "json")), &list); err != nil {
		h.t.Fatal(err)
	}
	for _, s := range list.Sessions {
		if s.Name == name {
			return s
		}
	}
	return wire.Info{}
}

// until waits for something that nothing tells of but a look.
func (h *home) until(what string, ok func() bool) {
	h.t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-look.C {
		if time.Now().After(deadline) {
			h.t.Fatalf("waited %v in vain until %s", patience, what)
		}
	}
}

// hub is what the hub tells of itself.
func (h *home) hub() (s wire.HubStatus) {
	h.t.Helper()
	if err := json.Unmarshal([]byte(h.ok("hub", "status", "-o", "json")), &s); err != nil {
		h.t.Fatal(err)
	}
	return s
}
