package gcctl

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/client/events"
)

type eventsListOptions struct {
	app       *app
	output    outputFlag
	which     eventFilter
	limit     int
	noHeaders bool
}

func newEventsList(a *app) *cobra.Command {
	o := &eventsListOptions{app: a}
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List events",
		Long: `List events, the newest last: the last 50 of those that the flags ask for.

With -o json they are one array, with -o jsonl one a line, each as it is stored;
-o name prints their numbers.`,
		Example: `  gcctl events ls --since 10m
  gcctl events ls --actor mayor --limit 0 -o wide
  gcctl events ls -o jsonl --limit 0 | jq -r .type | sort | uniq -c`,
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.output.check(cmd); err != nil {
				return err
			}
			if err := notNegative(cmd, "limit", o.limit < 0); err != nil {
				return err
			}
			f, err := o.which.filter(cmd, time.Now())
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), f, cmd.Flag("limit").Changed)
		},
	}
	o.output.register(cmd, "jsonl", "name", "wide")
	o.which.register(a, cmd)
	cmd.Flags().IntVarP(&o.limit, "limit", "l", 50, "the last `N` of them; 0: all")
	cmd.Flags().BoolVar(&o.noHeaders, "no-headers", false, "leave out the column titles")
	freeFlags(cmd, "limit")
	return cmd
}

func (o *eventsListOptions) run(ctx context.Context, f events.Filter, chosen bool) error {
	log, err := o.app.eventLog(o.app.hub)
	if err != nil {
		return err
	}
	ask := o.limit
	if !chosen {
		ask++ // tells whether there are more
	}
	list, err := log.List(ctx, f, ask)
	if err != nil {
		return o.app.explain(ctx, "", err)
	}
	if !chosen && len(list) > o.limit {
		list = list[1:]
		fmt.Fprintf(o.app.streams.Err, "the last %d events; --limit 0 lists all\n", o.limit)
	}
	switch {
	case o.output.format == "jsonl":
		return o.app.printStored(&o.output, list)
	case o.output.structured():
		return o.output.write(o.app.streams.Out, o.app.stored(&o.output, list), false)
	case len(list) == 0 && o.output.format != "name":
		fmt.Fprintln(o.app.streams.Err, o.app.noEvents(f))
		return nil
	}
	t := eventTable{app: o.app, format: o.output.format, noHeaders: o.noHeaders}
	return t.write(list)
}
