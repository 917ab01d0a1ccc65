package front

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/gascity/agentd/agentd/wire"
)

// ExecSession is the hidden command of gcctl that does what a front for sessions does with a hub of its own, for GC_HUB=off. Its arguments are the
// backend, the front's argv[0] and the operation with its arguments, none of them a flag.
const ExecSession = "exec-session"

// ExecEvents is the same for events.
const ExecEvents = "exec-events"

// attach becomes gcctl, which has all that a terminal needs.
func attach(_ context.Context, r *run, args []string) error {
	return r.become("attach", "--backend", r.config.Backend, "--", args[0])
}

// becomeHubless becomes a gcctl that needs no hub's process.
func (r *run) becomeHubless(args []string) error {
	return r.become(append([]string{r.contract.exec, r.config.Backend, r.argv0}, args...)...)
}

// become replaces this process with gcctl. It returns only when that fails.
func (r *run) become(args ...string) error {
	path, err := findGcctl()
	if err != nil {
		return err
	}
	if err := syscall.Exec(path, append([]string{"gcctl"}, args...), os.Environ()); err != nil {
		return fmt.Errorf("run %q: %w", path, err)
	}
	return nil
}

// findGcctl looks beside this program, then on the PATH.
func findGcctl() (string, error) {
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			self = real
		}
		beside := filepath.Join(filepath.Dir(self), "gcctl")
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return beside, nil
		}
	}
	path, err := exec.LookPath("gcctl")
	if err != nil {
		return "", wire.Errorf(wire.CodeFailed, "gcctl is neither beside this program nor on the PATH: install it there")
	}
	return path, nil
}
