package gcctl

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/events/remote"
)

type eventsTailOptions struct {
	app       *app
	output    outputFlag
	which     eventFilter
	limit     int
	follow    bool
	noHeaders bool
}

func newEventsTail(a *app) *cobra.Command {
	o := &eventsTailOptions{app: a}
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Print the last events, and those that come",
		Long: `Print the last 10 of the events that the flags ask for, and with --follow those
that come, until Ctrl-C. None is left out and none comes twice, also while the
hub or the API server is away.

With -o json each event is one line. With --follow, events over 64 KiB come
without their payload there, unless the log is a file of this machine: gcctl
events get prints one whole.`,
		Example: `  gcctl events tail -f
  gcctl events tail -f --limit 0 --type bead.closed -o json`,
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
			return o.app.explain(cmd.Context(), "", o.run(cmd.Context(), f))
		},
	}
	o.output.register(cmd, "jsonl", "name", "wide")
	o.which.register(a, cmd)
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on with what comes, until Ctrl-C")
	cmd.Flags().IntVarP(&o.limit, "limit", "l", 10, "begin with the last `N`; 0: with what comes")
	cmd.Flags().BoolVar(&o.noHeaders, "no-headers", false, "leave out the column titles")
	freeFlags(cmd, "limit")
	return cmd
}

func (o *eventsTailOptions) run(ctx context.Context, f events.Filter) error {
	log, err := o.app.eventLog(o.app.hub)
	if err != nil {
		return err
	}
	print := o.printer()
	from, err := log.Latest(ctx) // what comes after it is the watch's to tell
	if err != nil {
		return err
	}
	if o.limit > 0 {
		list, err := log.List(ctx, f, o.limit)
		if err != nil {
			return err
		}
		if o.follow {
			list = slices.DeleteFunc(list, func(e events.Event) bool { return e.Seq > from })
		}
		if err := print(list); err != nil {
			return err
		}
	}
	if !o.follow {
		return nil
	}
	waiting := false
	if log, ok := log.(*remote.Log); ok {
		log.Waits = func(why error) {
			if !waiting {
				fmt.Fprintf(o.app.streams.Err, "waiting: %s\n", wire.OneLine(why.Error()))
			}
			waiting = true
		}
	}
	return log.Watch(ctx, max(from, f.AfterSeq), func(e events.Event) error {
		waiting = false
		if !f.Match(e) {
			return nil
		}
		return print([]events.Event{e})
	})
}

// printer gives what prints events as they come.
func (o *eventsTailOptions) printer() func([]events.Event) error {
	if o.output.structured() || o.output.format == "jsonl" {
		return func(list []events.Event) error { return o.app.printStored(&o.output, list) }
	}
	t := &eventTable{app: o.app, format: o.output.format, live: o.follow, noHeaders: o.noHeaders}
	return t.write
}
