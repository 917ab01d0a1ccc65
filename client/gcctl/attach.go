package gcctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/paths"
	"github.com/gascity/agentd/client/target"
	"github.com/gascity/agentd/client/terminal"
)

type attachOptions struct {
	app      *app
	readOnly bool
}

func newAttach(a *app) *cobra.Command {
	o := &attachOptions{app: a}
	cmd := &cobra.Command{
		Use:   "attach NAME",
		Short: "Show a session on this terminal",
		Long: `Show a session on this terminal, and type into it. Several terminals can be
attached to one session.

At the beginning of a line, that is after Enter, these are for gcctl:

  ~.   leave; the session runs on
  ~^Z  suspend this terminal; fg comes back
  ~?   help
  ~~   type one ~

Ctrl-B d leaves as well: the session is a tmux session.

A connection that is lost comes back by itself. When the agent ends, attach says
how, and ends with status 0. The terminal is always given back as it was.

With --read-only what is typed is dropped, and the window keeps its size; ~. or
Ctrl-C leaves.`,
		Example: `  gcctl attach demo
  gcctl attach demo --read-only`,
		Args:              sessionArgs(0, 0, ""),
		ValidArgsFunction: a.completeSessions(1, false),
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	cmd.Flags().BoolVarP(&o.readOnly, "read-only", "r", false, "watch; drop what is typed")
	return cmd
}

// run attaches in a guarded child, so that the terminal is given back whatever becomes of that.
func (o *attachOptions) run(ctx context.Context, name string) error {
	in, _ := o.app.streams.In.(*os.File)
	out, _ := o.app.streams.Out.(*os.File)
	stderr, _ := o.app.streams.Err.(*os.File)
	if in == nil || out == nil || stderr == nil {
		return o.app.noTerminal(terminal.ErrNoTerminal, name)
	}
	if o.app.within(name) {
		return hint(fmt.Errorf("this terminal is in session %q: attached to itself it would show itself without end", name),
			"attach from another terminal")
	}
	if parent, guarded := terminal.Guarded(); guarded {
		return o.attach(ctx, name, in, out, parent)
	}
	args := append([]string{firstOr(o.app.argv, "gcctl"), "attach"}, o.app.target.Flags()...)
	if o.readOnly {
		args = append(args, "--read-only")
	}
	status, err := terminal.Guard(append(args, "--", name), in, out, stderr)
	if err != nil {
		return o.app.noTerminal(err, name)
	}
	if status != 0 {
		return statusError(status)
	}
	return nil
}

func (a *app) noTerminal(err error, name string) error {
	if errors.Is(err, terminal.ErrNoTerminal) {
		return hint(err, "%[1]s peek %[2]s prints the screen, %[1]s logs -f %[2]s follows the output", a.command(), quoteWord(name))
	}
	return err
}

// attach is the child's part.
func (o *attachOptions) attach(ctx context.Context, name string, in, out *os.File, parent <-chan struct{}) error {
	// Attach minds the signals itself: which one it was is told by the exit status.
	ctx = context.WithoutCancel(ctx)
	reach := o.app.terminalOptions(name)
	reach.ReadOnly, reach.In, reach.Out, reach.Parent = o.readOnly, in, out, parent
	end, err := terminal.Attach(ctx, reach)
	var lost *terminal.LostError
	switch {
	case errors.As(err, &lost) && o.app.target.Backend == target.Kube:
		return hint(err, "%[1]s attach %[2]s tries again; %[1]s doctor may tell why", o.app.command(), quoteWord(name))
	case errors.As(err, &lost):
		return hint(err, "%[1]s attach %[2]s tries again; %[1]s hub logs may tell why", o.app.command(), quoteWord(name))
	case err != nil:
		return o.app.explain(ctx, name, err)
	case end.Signal != 0:
		return statusError(128 + int(end.Signal))
	}
	fmt.Fprintln(o.app.streams.Err, farewell(name, end))
	return nil
}

// within says whether this process runs in the session itself.
func (a *app) within(session string) bool {
	dirs, err := paths.Open()
	// TMUX begins with the path of the tmux server's socket.
	return err == nil && strings.HasPrefix(a.getenv("TMUX"), dirs.SessionRun(paths.SessionID(session))+"/")
}

// farewell says how an attach ended.
func farewell(name string, end terminal.End) string {
	switch e := end.Exit; {
	case end.Left:
		return fmt.Sprintf("left session %q, which runs on", name)
	case e == nil:
		return fmt.Sprintf("session %q has ended", name)
	default:
		return describeExit(*e)
	}
}

// describeExit says how an agent ended.
func describeExit(e wire.Exit) string {
	text := fmt.Sprintf("agent exited with status %d", e.Status)
	if e.Signal != 0 {
		text = fmt.Sprintf("agent ended by signal %d (%s)", e.Signal, syscall.Signal(e.Signal))
	}
	if e.Reason != "" {
		text += ": " + wire.OneLine(e.Reason)
	}
	return text
}
