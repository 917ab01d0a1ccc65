// Package agentd_test drives the real agentd over its own sockets and signals: what a container runtime, a kubelet and a client of its protocol see.
package agentd_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/ws"
	"github.com/gascity/agentd/client/token"
	"github.com/gascity/agentd/test/binaries"
)

// patience is how long a test waits for what should take a moment: this machine may be busy with other tests.
const patience = 30 * time.Second

// programs is the folder of the programs, of which agentd is run.
var programs string

func TestMain(m *testing.M) { os.Exit(binaries.Test(m, &programs)) }

// daemon is a running agentd.
type daemon struct {
	t        *testing.T
	dir      string // a short path: sockets lie in it
	audience string
	signer   *token.Signer
	listener *net.UnixListener // inherited by init, so that a dial at any time is queued
	cmd      *exec.Cmd
	log, out *buffer  // stderr, stdout
	wrap     []string // what the program is run by
	env      []string // added to its environment
	ended    chan struct{}
}

// start runs `agentd init`. The session ends with the test.
func start(t *testing.T, args ...string) *daemon {
	t.Helper()
	d := prepare(t)
	d.run(args...)
	return d
}

// prepare makes the folders of a session.
func prepare(t *testing.T) *daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "ad")
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{t: t, dir: dir, audience: "test/" + filepath.Base(dir)}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if d.signer, err = token.Open(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"run", "state", "work"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("unix", filepath.Join(dir, "run", "a"))
	if err != nil {
		t.Fatal(err)
	}
	d.listener = l.(*net.UnixListener)
	t.Cleanup(func() { l.Close() })
	return d
}

// path gives a path in the session's folders.
func (d *daemon) path(elements ...string) string {
	return filepath.Join(append([]string{d.dir}, elements...)...)
}

// args are init's flags.
func (d *daemon) args() []string {
	return []string{
		"init", "--health", "unix:" + d.path("run", "h"), "--audience", d.audience, "--public-keys", d.signer.PublicKeys(),
		"--run-dir", d.path("run"), "--state-dir", d.path("state"), "--tmux-dir", d.path("run"),
		"--termination-log", d.path("termination"), "--output", d.path("agent.log"), "--grace", "5s",
	}
}

// run starts init.
func (d *daemon) run(args ...string) {
	d.t.Helper()
	f, err := d.listener.File()
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	argv := slices.Concat(d.wrap, []string{filepath.Join(programs, "agentd")}, d.args(), []string{"--listen-fd", "3"}, args)
	d.cmd = exec.Command(argv[0], argv[1:]...)
	d.cmd.ExtraFiles = []*os.File{f}
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	d.cmd.Env = append(os.Environ(), "SHELL=/bin/bash", "PS1=$ ", "HOME="+d.dir)
	d.cmd.Env = append(d.cmd.Env, d.env...)
	d.spawn()
}

// spawn starts d.cmd and sees to its end.
func (d *daemon) spawn() {
	d.t.Helper()
	d.log, d.out = &buffer{}, &buffer{}
	d.cmd.Stderr, d.cmd.Stdout = d.log, d.out
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	ended := make(chan struct{})
	cmd := d.cmd
	d.ended = ended
	go func() {
		defer close(ended)
		_ = cmd.Wait() // its status is in ProcessState
	}()
	d.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			d.t.Errorf("agentd does not end; its log:\n%s", d.log)
			_ = cmd.Process.Kill()
			<-ended
		}
		if d.t.Failed() {
			d.t.Logf("agentd's log:\n%s", d.log)
		}
		d.killTmux()
	})
}

// killTmux ends what a failed test left.
func (d *daemon) killTmux() {
	c := exec.Command("tmux", "kill-server")
	c.Env = append(os.Environ(), "TMUX_TMPDIR="+d.path("run"))
	_ = c.Run() // there should be none
}

// tmux runs a tmux command on the session's server.
func (d *daemon) tmux(args ...string) string {
	d.t.Helper()
	c := exec.Command("tmux", args...)
	c.Env = append(os.Environ(), "TMUX_TMPDIR="+d.path("run"), "TMUX=")
	out, err := c.CombinedOutput()
	if err != nil {
		d.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return strings.TrimRight(string(out), "\n")
}

// status waits for agentd's end and gives its exit status, 128+n after signal n.
func (d *daemon) status() int {
	d.t.Helper()
	select {
	case <-d.ended:
	case <-time.After(patience):
		d.t.Fatalf("agentd does not end; its log:\n%s", d.log)
	}
	ws := d.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// dial connects as an operator.
func (d *daemon) dial() *mux.Conn {
	d.t.Helper()
	return d.dialAs(wire.RoleOperator)
}

func (d *daemon) dialAs(role wire.Role) *mux.Conn {
	d.t.Helper()
	minted, err := d.signer.Mint(d.audience, role)
	if err != nil {
		d.t.Fatal(err)
	}
	c, err := d.dialWith(minted)
	if err != nil {
		d.t.Fatalf("dial: %v\n%s", err, d.log)
	}
	return c
}

func (d *daemon) dialWith(minted string) (*mux.Conn, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	c, _, err := ws.Dial(ctx, func(ctx context.Context) (net.Conn, error) {
		var nd net.Dialer
		return nd.DialContext(ctx, "unix", d.path("run", "a"))
	}, minted, mux.Options{})
	if err == nil {
		d.t.Cleanup(func() { _ = c.Close(wire.CloseNormal, "") })
	}
	return c, err
}
