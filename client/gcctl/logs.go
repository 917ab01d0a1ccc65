package gcctl

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

type logsOptions struct {
	app    *app
	follow bool
	tail   int
}

func newLogs(a *app) *cobra.Command {
	o := &logsOptions{app: a}
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print what an agent has said",
		Long: `Print an agent's output as plain lines, without its repaints. It is there after
the agent has ended, too, until a session of that name is started again.`,
		Example: `  gcctl logs demo --tail 20
  gcctl logs demo -f`,
		Args:              sessionArgs(0, 0, ""),
		ValidArgsFunction: a.completeSessions(1, true),
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on with what comes, until the agent ends or Ctrl-C")
	cmd.Flags().IntVar(&o.tail, "tail", -1, "print the last `N` lines of what there is; -1: all that is kept")
	freeFlags(cmd, "tail")
	return cmd
}

func (o *logsOptions) run(ctx context.Context, session string) error {
	out := &written{w: o.app.streams.Out}
	ask := wire.Output{Tail: o.tail, Follow: o.follow}
	look := func() error { return o.print(ctx, session, ask, out) }
	if !o.follow {
		return o.app.explain(ctx, session, look())
	}
	return o.app.explain(ctx, session, o.app.follow(ctx, session, look))
}

// print prints what the session says, all at once or as it comes.
func (o *logsOptions) print(ctx context.Context, session string, ask wire.Output, out *written) error {
	return o.app.hub().Do(ctx, string(wire.OpOutput), true, func(ctx context.Context, c *mux.Conn) error {
		if out.any {
			ask.Tail = 0 // a second connection goes on with what is new
		}
		k, err := c.Open(ctx, mux.Request{Op: wire.OpOutput, Session: session, Body: ask})
		if err != nil {
			return err
		}
		defer k.Cancel()
		_, err = io.Copy(out, k)
		if errors.Is(err, errOutput) {
			return err
		}
		if err == nil {
			err = k.Result(nil)
		}
		return err
	})
}

// errOutput: standard output can't be written.
var errOutput = errors.New("print the output")

// written knows whether anything was written.
type written struct {
	w   io.Writer
	any bool
}

func (o *written) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.any = o.any || n > 0
	if err != nil {
		err = fmt.Errorf("%w: %w", errOutput, err)
	}
	return n, err
}
