package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/test/binaries"
	"github.com/gascity/agentd/test/cluster"
)

// callTime is what gc gives to an operation before it kills it.
const callTime = 30 * time.Second

// world is a namespace with an event log in it, and programs with folders of their own.
type world struct {
	t         *testing.T
	cluster   *cluster.Cluster
	namespace string
	bin       string
	env       []string
	pruner    string // kubeconfig of who may delete
}

// newWorld makes one. Its programs may do what deploy/ allows to who writes and reads events, and nothing else.
func newWorld(t *testing.T, c *cluster.Cluster) *world {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "soak") // a short path: sockets lie below it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &world{t: t, cluster: c, namespace: c.Namespace(t), bin: t.TempDir()}
	if err := binaries.Build(w.bin); err != nil {
		t.Fatal(err)
	}
	w.pruner = c.Account(t, w.namespace, "events.yaml", "agentd-events-prune")
	w.env = []string{
		"HOME=" + dir, "XDG_STATE_HOME=" + filepath.Join(dir, "state"), "XDG_RUNTIME_DIR=" + filepath.Join(dir, "run"), "PATH=" + os.Getenv("PATH"),
		"LC_ALL=C.UTF-8", "KUBECONFIG=" + c.Account(t, w.namespace, "events.yaml", "agentd-events"), "GC_K8S_NAMESPACE=" + w.namespace, "GC_SESSION=exec:gc-session-k8s",
	}
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			w.showLogs(dir)
		}
		if out, err := w.command(context.Background(), "gcctl", "hub", "stop").CombinedOutput(); err != nil {
			t.Errorf("gcctl hub stop: %v: %s", err, out)
		}
	})
	return w
}

func (w *world) showLogs(dir string) {
	logs, _ := filepath.Glob(filepath.Join(dir, "state", "*", "hub-*.log"))
	for _, file := range logs {
		text, _ := os.ReadFile(file)
		w.t.Logf("%s:\n%s", filepath.Base(file), text[max(0, len(text)-20_000):])
	}
}

func (w *world) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(w.bin, program), args...)
	cmd.Env = w.env
	return cmd
}

// call does an operation as gc does, which kills it when its time is up.
func (w *world) call(env []string, stdin, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	cmd := w.command(ctx, program, args...)
	cmd.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], env...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return string(out), err
}

// hub is the process id of the hub, 0 while none runs.
func (w *world) hub() int {
	out, err := w.call(nil, "", "gcctl", "hub", "status", "-o", "json")
	var status wire.HubStatus
	if err != nil || json.Unmarshal([]byte(out), &status) != nil {
		return 0
	}
	return status.PID
}
