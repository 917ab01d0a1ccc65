package main

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
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/frames"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/paths"
)

// world is a set of folders in which programs of the project run and meet no others.
type world struct {
	ctx context.Context
	dir string // short: sockets lie below it
	bin string
	env []string
	// provider is the program that answers gc's operations, and run the XDG_RUNTIME_DIR of it and its hub.
	provider string
	run      string
	// atEnd are called by close, the last one first, once no session is left.
	atEnd []func()
}

func newWorld(ctx context.Context, bin string) (*world, error) {
	for _, program := range []string{"gc-session-local", "gc-session-k8s", "gc-events-local", "gc-events-k8s", "gcctl", "agentd"} {
		if _, err := os.Stat(filepath.Join(bin, program)); err != nil {
			return nil, fmt.Errorf("%w: run make build, or say -bin", err)
		}
	}
	dir, err := os.MkdirTemp("/tmp", "bench")
	if err != nil {
		return nil, err
	}
	w := &world{ctx: ctx, dir: dir, bin: bin, provider: "gc-session-local", run: filepath.Join(dir, "run")}
	for _, sub := range []string{"home", "state", "run", "work"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	w.env = []string{
		"HOME=" + w.path("home"), "XDG_STATE_HOME=" + w.path("state"), "XDG_RUNTIME_DIR=" + w.run,
		"PATH=" + bin + ":" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TERM=xterm-256color", "SHELL=/bin/sh", "USER=bench",
	}
	return w, nil
}

// close ends all sessions and the hub, and removes the folders, also when the measuring was interrupted.
func (w *world) close() {
	w.ctx = context.WithoutCancel(w.ctx)
	if err := w.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	for _, f := range slices.Backward(w.atEnd) {
		f()
	}
	if err := os.RemoveAll(w.dir); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

// stop ends all sessions and the hub.
func (w *world) stop() error {
	names, err := w.front("", "list-running", "")
	if err != nil {
		return err
	}
	running := strings.Fields(names)
	err = atOnce(4, len(running), func(i int) error {
		_, err := w.front("", "stop", running[i])
		return err
	})
	return errors.Join(err, w.stopHub())
}

func (w *world) stopHub() error {
	if out, err := w.command("gcctl", "hub", "stop").CombinedOutput(); err != nil {
		return fmt.Errorf("gcctl hub stop: %w: %s", err, out)
	}
	return nil
}

// atOnce calls f for 0 to n-1, several at once, and gives the errors of all.
func atOnce(several, n int, f func(i int) error) error {
	errs := make([]error, n)
	var todo atomic.Int64
	var wg sync.WaitGroup
	for range several {
		wg.Go(func() {
			for i := todo.Add(1) - 1; i < int64(n); i = todo.Add(1) - 1 {
				errs[i] = f(int(i))
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (w *world) path(elements ...string) string {
	return filepath.Join(append([]string{w.dir}, elements...)...)
}

func (w *world) programPath(name string) string { return filepath.Join(w.bin, name) }

// command is one of the project's programs, to be run in this world.
func (w *world) command(program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.ctx, w.programPath(program), args...)
	cmd.Env, cmd.Dir = w.env, w.dir
	return cmd
}

// front does one operation and gives its output.
func (w *world) front(stdin string, args ...string) (string, error) {
	cmd := w.command(w.provider, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", w.provider, strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}

// start starts a session.
func (w *world) start(name, command string, env map[string]string) error {
	config, err := json.Marshal(wire.StartConfig{WorkDir: w.path("work"), Command: command, Env: env})
	if err != nil {
		return err
	}
	_, err = w.front(string(config), "start", name)
	return err
}

// tmux gives the folder (TMUX_TMPDIR) and the socket of a session's tmux server.
func (w *world) tmux(name string) (dir, socket string, err error) {
	found, err := filepath.Glob(filepath.Join(w.run, "*", "s", paths.SessionID(name), "tmux-*", "default"))
	if err != nil || len(found) != 1 {
		return "", "", fmt.Errorf("tmux sockets of %s: %q, want one", name, found)
	}
	return filepath.Dir(filepath.Dir(found[0])), found[0], nil
}

// hubSocket is where the hub listens.
func (w *world) hubSocket() (string, error) {
	found, err := filepath.Glob(filepath.Join(w.run, "*", "hub-*", "sock"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("sockets of the hub: %q, want one", found)
	}
	return found[0], nil
}

// connect connects to the hub.
func (w *world) connect() (*mux.Conn, error) {
	socket, err := w.hubSocket()
	if err != nil {
		return nil, err
	}
	c, _, err := frames.Dial(w.ctx, func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}, nil)
	return c, err
}

func (w *world) hub() (wire.HubStatus, error) {
	var status wire.HubStatus
	c, err := w.connect()
	if err != nil {
		return status, err
	}
	defer c.Close(wire.CloseNormal, "")
	err = c.Call(w.ctx, mux.Request{Op: wire.OpHubStatus}, &status)
	return status, err
}

// session is what the hub knows of a session.
func (w *world) session(name string) (wire.Info, error) {
	c, err := w.connect()
	if err != nil {
		return wire.Info{}, err
	}
	defer c.Close(wire.CloseNormal, "")
	var list wire.ListReply
	if err := c.Call(w.ctx, mux.Request{Op: wire.OpList, Body: wire.List{Prefix: name}}, &list); err != nil {
		return wire.Info{}, err
	}
	for _, s := range list.Sessions {
		if s.Name == name {
			return s, nil
		}
	}
	return wire.Info{}, fmt.Errorf("the hub knows no session %q", name)
}

// until waits for a condition that nothing announces.
func (w *world) until(what string, done func() (bool, error)) error {
	const patience = 30 * time.Second
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
	}
	return fmt.Errorf("waited %s in vain until %s", patience, what)
}

// shows waits until a session's screen holds text.
func (w *world) shows(name, text string) error {
	return w.until(name+" shows "+text, func() (bool, error) {
		screen, err := w.front("", "peek", name, "0")
		return strings.Contains(screen, text), err
	})
}

func tmuxVersion() string {
	out, err := exec.Command("tmux", "-V").Output()
	if err != nil {
		return "no tmux"
	}
	return strings.TrimSpace(string(out))
}

// build compiles one of the benchmark's own programs.
func (w *world) build(name string) (string, error) {
	to := w.path(name)
	cmd := exec.CommandContext(w.ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, "github.com/gascity/agentd/test/bench/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", name, err, out)
	}
	return to, nil
}

// said runs a command and gives its output.
func said(cmd *exec.Cmd) (string, error) {
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, exit.Stderr)
	}
	return string(out), err
}

// quietly runs a program whose output must be there and doesn't matter.
func quietly(cmd *exec.Cmd) error {
	out, err := said(cmd)
	if err == nil && out == "" {
		return fmt.Errorf("%s: no output", strings.Join(cmd.Args, " "))
	}
	return err
}
