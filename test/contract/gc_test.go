package contract_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/frames"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/paths"
)

// patience is how long a test waits for what should take a moment: this machine may be busy with other tests.
const patience = 30 * time.Second

// gc is a gc with state and sockets of its own.
type gc struct {
	t   *testing.T
	dir string // a short path: sockets lie below it
	// bin holds the programs. A test may choose other ones on the way.
	bin   string
	front string
	env   []string
	// pods is where sessions run, nil when that is this machine.
	pods *pods
	// after is what to do once all that ran has ended.
	after []func()
}

// config is start's JSON.
type config map[string]any

// newGC makes a world that no other test meets. When the test ends, all that ran in it must have ended or be ended by stop.
func newGC(t *testing.T) *gc {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "gc")
	if err != nil {
		t.Fatal(err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	g := &gc{t: t, dir: dir, bin: programs, front: "gc-session-local"}
	for _, sub := range []string{"home", "state", "run", "work"} {
		if err := os.Mkdir(g.path(sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	g.env = []string{
		"HOME=" + g.path("home"), "XDG_STATE_HOME=" + g.path("state"), "XDG_RUNTIME_DIR=" + g.path("run"),
		"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TERM=xterm-256color", "USER=tester", "SHELL=/bin/sh",
	}
	t.Cleanup(g.end)
	return g
}

// path is a path in this gc's folder.
func (g *gc) path(elements ...string) string {
	return filepath.Join(append([]string{g.dir}, elements...)...)
}

// end stops what still runs. What outlives that is a fault, and is killed.
func (g *gc) end() {
	t := g.t
	if t.Failed() {
		g.showLogs()
	}
	listed := g.run("", "list-running", "")
	for name := range strings.SplitSeq(strings.TrimSpace(listed.stdout), "\n") { // names may hold spaces
		g.run("", "stop", name)
	}
	if hub := g.hub(); hub.PID != 0 {
		_ = syscall.Kill(hub.PID, syscall.SIGTERM)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	left := g.processes()
	for deadline := time.Now().Add(patience); len(left) > 0 && time.Now().Before(deadline); left = g.processes() {
		<-tick.C
	}
	for _, p := range left {
		t.Errorf("process %d is left: %s", p.pid, p.args)
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
	}
	for _, f := range g.after {
		f()
	}
	os.RemoveAll(g.dir)
}

// showLogs shows what the programs logged.
func (g *gc) showLogs() {
	for _, pattern := range []string{"state/agentd/*.log", "state/agentd/local/*/agentd.log"} {
		files, _ := filepath.Glob(g.path(pattern))
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err == nil {
				g.t.Logf("%s:\n%s", file, b[max(0, len(b)-4000):])
			}
		}
	}
}

// result is how an operation ended. The status is -n after signal n.
type result struct {
	status         int
	stdout, stderr string
	took           time.Duration
}

// command prepares one call of the front.
func (g *gc) command(ctx context.Context, stdin string, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	cmd = exec.CommandContext(ctx, filepath.Join(g.bin, g.front), args...)
	cmd.Env = g.env
	cmd.Dir = g.dir
	cmd.WaitDelay = 2 * time.Second // as gc sets it
	cmd.Stdin = strings.NewReader(stdin)
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, stdout, stderr
}

// run does one operation, within gc's 30 s.
func (g *gc) run(stdin string, args ...string) result {
	g.t.Helper()
	limit := 30 * time.Second
	if args[0] == "start" {
		limit = 60 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd, stdout, stderr := g.command(ctx, stdin, args...)
	began := time.Now()
	err := cmd.Run()
	r := result{status: statusOf(err), stdout: stdout.String(), stderr: stderr.String(), took: time.Since(began)}
	if err != nil && r.status == 0 {
		g.t.Errorf("%s: %v", args, err) // WaitDelay: something holds on to the pipes
	}
	return r
}

func statusOf(err error) int {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0
	}
	if w, ok := exit.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return -int(w.Signal())
	}
	return exit.ExitCode()
}

// ok does one operation that must succeed, and gives its output as gc reads it.
func (g *gc) ok(args ...string) string {
	g.t.Helper()
	return g.okIn("", args...)
}

// okIn is ok with something on stdin.
func (g *gc) okIn(stdin string, args ...string) string {
	g.t.Helper()
	r := g.run(stdin, args...)
	if r.status != 0 {
		g.t.Fatalf("%q: status %d: %s", args, r.status, r.stderr)
	}
	return strings.TrimRight(r.stdout, "\n")
}

// is checks the output of an operation that must succeed.
func (g *gc) is(want string, args ...string) {
	g.t.Helper()
	if got := g.ok(args...); got != want {
		g.t.Errorf("%q gives %q, want %q", args, got, want)
	}
}

// fails does one operation that must fail with status 1 and one line on stderr, which it gives.
func (g *gc) fails(stdin string, args ...string) string {
	g.t.Helper()
	r := g.run(stdin, args...)
	if r.status != 1 || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 {
		g.t.Fatalf("%q: status %d, stdout %q, stderr %q; want status 1 and one line on stderr", args, r.status, r.stdout, r.stderr)
	}
	return r.stderr
}

// tryStart starts a session. The work dir is the world's unless c has one.
func (g *gc) tryStart(name string, c config) result {
	g.t.Helper()
	return g.run(g.json(c), "start", name)
}

func (g *gc) json(c config) string {
	full := config{"work_dir": g.path("work")}
	for k, v := range c {
		full[k] = v
	}
	b, err := json.Marshal(full)
	if err != nil {
		g.t.Fatal(err)
	}
	return string(b)
}

// start starts a session that must come up.
func (g *gc) start(name string, c config) result {
	g.t.Helper()
	r := g.tryStart(name, c)
	if r.status != 0 {
		g.t.Fatalf("start %s: status %d: %s", name, r.status, r.stderr)
	}
	return r
}

// until waits for a condition that nothing announces.
func (g *gc) until(what string, done func() bool) {
	g.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !done(); {
		if time.Now().After(deadline) {
			g.t.Fatalf("waited %s in vain until %s", patience, what)
		}
		<-tick.C
	}
}

// untilScreen waits until the session's screen holds text.
func (g *gc) untilScreen(name, text string) {
	g.t.Helper()
	g.until(fmt.Sprintf("%s shows %q", name, text), func() bool { return strings.Contains(g.ok("peek", name, "0"), text) })
}

// file reads a file of the world, "" when it isn't there.
func (g *gc) file(elements ...string) string {
	b, err := os.ReadFile(g.path(elements...))
	if err != nil && !os.IsNotExist(err) {
		g.t.Fatal(err)
	}
	return string(b)
}

// write writes a file of the world.
func (g *gc) write(content string, elements ...string) string {
	g.t.Helper()
	file := g.path(elements...)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		g.t.Fatal(err)
	}
	return file
}

// hub asks the hub about itself; the zero value when none runs.
func (g *gc) hub() wire.HubStatus {
	var status wire.HubStatus
	g.ask(mux.Request{Op: wire.OpHubStatus}, &status)
	return status
}

// session is what the hub knows of a session.
func (g *gc) session(name string) wire.Info {
	g.t.Helper()
	var list wire.ListReply
	g.ask(mux.Request{Op: wire.OpList, Body: wire.List{All: true}}, &list)
	for _, s := range list.Sessions {
		if s.Name == name {
			return s
		}
	}
	g.t.Fatalf("the hub knows no session %q", name)
	return wire.Info{}
}

// ask makes a request of the hub that runs, if one does.
func (g *gc) ask(q mux.Request, reply any) bool {
	sockets, _ := filepath.Glob(g.path("run", "*", "hub-*", "sock"))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, socket := range sockets {
		conn, _, err := frames.Dial(ctx, func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}, nil)
		if err != nil {
			continue
		}
		err = conn.Call(ctx, q, reply)
		conn.Close(wire.CloseNormal, "")
		if err == nil {
			return true
		}
	}
	return false
}

// tmux runs a tmux command against the session's server and gives its output.
func (g *gc) tmux(name string, args ...string) string {
	g.t.Helper()
	if g.pods != nil {
		return g.inPod(name, append([]string{"tmux"}, args...)...)
	}
	sockets, _ := filepath.Glob(g.path("run", "*", "s", paths.SessionID(name), "tmux-*", "default"))
	if len(sockets) != 1 {
		g.t.Fatalf("tmux sockets of %s: %q, want one", name, sockets)
	}
	cmd := exec.Command(need(g.t, "tmux"), append([]string{"-S", sockets[0]}, args...)...)
	cmd.Env = g.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		g.t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

// tmuxPID is the process of the session's tmux server.
func (g *gc) tmuxPID(name string) int {
	g.t.Helper()
	return g.number(g.tmux(name, "display-message", "-p", "-t", "main", "#{pid}"))
}

// panePID is the process of the session's agent.
func (g *gc) panePID(name string) int {
	g.t.Helper()
	return g.number(g.tmux(name, "display-message", "-p", "-t", "main", "#{pane_pid}"))
}

func (g *gc) number(text string) int {
	g.t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		g.t.Fatal(err)
	}
	return n
}
