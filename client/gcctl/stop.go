package gcctl

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

type stopOptions struct {
	app           *app
	grace         time.Duration
	ignoreMissing bool
	quiet         bool
}

func newStop(a *app) *cobra.Command {
	o := &stopOptions{app: a}
	cmd := &cobra.Command{
		Use:   "stop NAME…",
		Short: "End sessions",
		Long: `End sessions, and wait until they are gone: the agent is interrupted, then
terminated, then killed, within the grace period.`,
		Example: `  gcctl stop demo
  gcctl stop $(gcctl ls mytown- -o name)`,
		Args:              sessionArgs(0, -1, ""),
		ValidArgsFunction: a.completeSessions(0, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := notNegative(cmd, "grace", o.grace < 0); err != nil {
				return err
			}
			return o.run(cmd.Context(), args)
		},
	}
	cmd.Flags().DurationVar(&o.grace, "grace", 0, "how long the agent may take, a `TIME` as in 30s, at most 1h (default: 10s)")
	cmd.Flags().BoolVar(&o.ignoreMissing, "ignore-not-found", false, "a session that isn't there is no error")
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "say nothing but errors")
	freeFlags(cmd, "grace")
	return cmd
}

// run stops all sessions at once, and reports them in order.
func (o *stopOptions) run(ctx context.Context, names []string) error {
	errs := make([]error, len(names))
	link := o.app.hub()
	var work sync.WaitGroup
	for i, name := range names {
		work.Go(func() {
			r := mux.Request{Op: wire.OpStop, Session: name, Body: wire.Stop{GraceMS: o.grace.Milliseconds()}}
			errs[i] = link.Call(ctx, r, nil, true)
		})
	}
	work.Wait()
	var failed []error
	for i, name := range names {
		switch err := errs[i]; {
		case err == nil && !o.quiet:
			fmt.Fprintf(o.app.streams.Err, "session %q stopped\n", name)
		case err == nil, o.ignoreMissing && wire.CodeOf(err) == wire.CodeNoSession:
		default:
			failed = append(failed, o.app.explain(ctx, name, err))
		}
	}
	for len(failed) > 1 { // all but the last are told here
		report(o.app.streams.Err, o.app.program(), failed[0])
		failed = failed[1:]
	}
	return errors.Join(failed...)
}
