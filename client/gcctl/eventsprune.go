package gcctl

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/client/events"
)

type eventsPruneOptions struct {
	app       *app
	olderThan string
	keep      int
}

func newEventsPrune(a *app) *cobra.Command {
	o := &eventsPruneOptions{app: a}
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Delete old events",
		Long: `Delete the events that are older than a day, or than --older-than says. Readers
and writers may go on meanwhile, and numbers are never given again.

A namespace's log loses 50 events a second at most, so that the API server has
time for others.`,
		Example: `  gcctl events prune
  gcctl events prune --older-than 2h --keep 1000`,
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := notNegative(cmd, "keep", o.keep < 0); err != nil {
				return err
			}
			age, err := parseSpan(o.olderThan)
			if err != nil {
				return usage(cmd, "--older-than %q: give a time with its unit, as in 24h or 7d", o.olderThan)
			}
			return o.run(cmd.Context(), age)
		},
	}
	cmd.Flags().StringVar(&o.olderThan, "older-than", "24h", "delete what is older than this `TIME`, as in 24h or 7d")
	cmd.Flags().IntVar(&o.keep, "keep", 0, "keep the last `N` events, whatever their age")
	freeFlags(cmd, "older-than", "keep")
	return cmd
}

func (o *eventsPruneOptions) run(ctx context.Context, age time.Duration) error {
	log, err := o.app.eventLog(o.app.hub)
	if err != nil {
		return err
	}
	p := events.Prune{OlderThan: age, Keep: o.keep}
	clear := ""
	if isTerminal(o.app.streams.Err) {
		clear = "\r\x1b[K"
		p.Deleted = func(n int) { fmt.Fprintf(o.app.streams.Err, "%s%d events deleted …", clear, n) }
	}
	n, err := log.Prune(ctx, p)
	if err == nil || n > 0 {
		fmt.Fprintf(o.app.streams.Err, "%s%s deleted\n", clear, count(n, "event"))
	}
	return o.app.explain(ctx, "", err)
}
