package front

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"github.com/gascity/agentd/client/paths"
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
	path, err := paths.Program("gcctl")
	if err != nil {
		return fmt.Errorf("%w: install it there", err)
	}
	if err := syscall.Exec(path, append([]string{"gcctl"}, args...), os.Environ()); err != nil {
		return fmt.Errorf("run %q: %w", path, err)
	}
	return nil
}
