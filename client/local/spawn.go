package local

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/paths"
)

// maxOwnLog is the size at which agentd's log begins anew when agentd starts, in bytes. The one before is kept.
const maxOwnLog = 1 << 20

// agentd finds the program: the one given, the one beside this program, the one on PATH.
func (b *Backend) agentd() (string, error) {
	if b.config.Agentd != "" {
		return b.config.Agentd, nil
	}
	program, err := paths.Program("agentd")
	if err != nil {
		return "", fmt.Errorf("%w: put it beside gcctl", err)
	}
	return program, nil
}

// spawn starts agentd for the session, detached from this process. The socket listens before agentd runs, so that whoever dials waits for agentd
// instead of missing it.
func (e *endpoint) spawn(program string, env []string) error {
	listener, err := paths.Listen(e.socket())
	if err != nil {
		return fmt.Errorf("session's socket: %w", err)
	}
	defer listener.Close() // only agentd holds it when it runs
	stderr, err := e.openOwnLog()
	if err != nil {
		return err
	}
	defer stderr.Close()
	cmd := &exec.Cmd{
		Path: program,
		Args: []string{
			"agentd", "init", "--listen-fd", "3", "--health", "unix:" + filepath.Join(e.run, "h"),
			"--audience", e.Record().Audience, "--public-keys", e.backend.config.PublicKeys,
			"--run-dir", e.run, "--state-dir", e.state, "--tmux-dir", e.run,
			"--termination-log", filepath.Join(e.state, lastScreen), "--output", filepath.Join(e.state, outputFile),
		},
		Env:         append(slices.Clip(env), wire.DetachedEnv+"=1"), // the hub may be of a session's making
		Dir:         home(env),
		Stderr:      stderr,
		ExtraFiles:  []*os.File{listener},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	pid, err := e.backend.reaper.start(cmd)
	if err != nil {
		return fmt.Errorf("start agentd: %w", err)
	}
	return e.change(func(r *record) { r.PID, r.PIDStart = pid, startOf(pid) })
}

func (e *endpoint) openOwnLog() (*os.File, error) {
	name := filepath.Join(e.state, ownLogFile)
	if info, err := os.Stat(name); err == nil && info.Size() > maxOwnLog {
		if err := os.Rename(name, name+".1"); err != nil {
			return nil, fmt.Errorf("agentd's log: %w", err)
		}
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("agentd's log: %w", err)
	}
	return f, nil
}

// home is where agentd runs: a folder that isn't going to be removed or unmounted under it.
func home(env []string) string {
	if dir := lookupEnv(env, "HOME"); filepath.IsAbs(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	return "/"
}
