package gcctl

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/events/jsonl"
	"github.com/gascity/agentd/client/events/remote"
	"github.com/gascity/agentd/client/target"
)

const eventsLong = `The event log is what gc and people keep of what happened: who did what to whom,
in numbered events. It is kept in ConfigMaps of the pods' namespace, or in a file
on this machine (GC_EVENTS_FILE, by default events.jsonl in the state folder).

Without --backend, GC_EVENTS says which log is meant, then what says where the
sessions are.`

func newEvents(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   eventsCommand,
		Short: "Look at the event log, add to it and prune it",
		Long:  eventsLong,
		Example: `  gcctl events ls --since 10m
  gcctl events tail -f --type bead.closed
  gcctl events record --type deploy.done --message 'release 7 is out'`,
		Args:                       cobra.ArbitraryArgs,
		RunE:                       group,
		SuggestionsMinimumDistance: 2,
	}
	cmd.AddCommand(newEventsList(a), newEventsTail(a), newEventsGet(a), newEventsRecord(a), newEventsPrune(a))
	return cmd
}

// eventsCommand is the command that is about an event log, which may be elsewhere than the sessions.
const eventsCommand = "events"

// aboutEvents says whether cmd is about an event log.
func aboutEvents(cmd *cobra.Command) bool {
	for ; cmd != nil; cmd = cmd.Parent() {
		if cmd.Name() == eventsCommand {
			return true
		}
	}
	return false
}

// eventLog gives the log that is meant. link is the way to the hub, where the log is in a cluster.
func (a *app) eventLog(link func() hubLink) (events.Log, error) {
	if a.target.Backend == target.Local {
		path, err := jsonl.Path(a.getenv)
		if err != nil {
			return nil, err
		}
		return jsonl.Open(path), nil
	}
	return remote.New(link()), nil
}

// eventFilter are the flags that say which events are meant.
type eventFilter struct {
	kind, actor string
	since       string
	after       uint64
}

func (f *eventFilter) register(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.kind, "type", "", "events of this `TYPE` only")
	flags.StringVar(&f.actor, "actor", "", "events of this `ACTOR` only")
	flags.StringVar(&f.since, "since", "", "events from this `TIME` on: a span back from now, as in 10m or 2d, or RFC 3339")
	flags.Uint64Var(&f.after, "after", 0, "events after this `NUMBER`")
	freeFlags(cmd, "since", "after")
	// They fail only for flags that aren't there.
	_ = cmd.RegisterFlagCompletionFunc("type", a.completeEvents(func(e events.Event) string { return e.Type }))
	_ = cmd.RegisterFlagCompletionFunc("actor", a.completeEvents(func(e events.Event) string { return e.Actor }))
}

func (f *eventFilter) filter(cmd *cobra.Command, now time.Time) (events.Filter, error) {
	filter := events.Filter{Type: f.kind, Actor: f.actor, AfterSeq: f.after}
	if f.since == "" {
		return filter, nil
	}
	if back, err := parseSpan(f.since); err == nil {
		filter.Since = now.Add(-back)
		return filter, nil
	}
	since, err := time.Parse(time.RFC3339, f.since)
	if err != nil {
		return filter, usage(cmd, "--since %q: give a span back from now, as in 10m or 2d, or a time as in %s", f.since, now.Format(time.RFC3339))
	}
	filter.Since = since
	return filter, nil
}

// parseSpan reads a time span, of days too.
func parseSpan(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 15)
		return time.Duration(n) * 24 * time.Hour, err
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		err = fmt.Errorf("%q is negative", text)
	}
	return d, err
}

// noEvents says that there are none, and where.
func (a *app) noEvents(f events.Filter) string {
	text := "no events"
	if f != (events.Filter{}) {
		text = "no such events"
	}
	if a.target.Backend == target.Kube {
		return fmt.Sprintf("%s in namespace %q", text, a.target.Namespace)
	}
	path, err := jsonl.Path(a.getenv)
	if err != nil {
		return text
	}
	return fmt.Sprintf("%s in %s", text, path)
}

// remembered is how many of the last events completion looks at.
const remembered = 500

// completeEvents completes what events have been recorded with. It starts no hub: Tab must not start programs.
func (a *app) completeEvents(value func(events.Event) string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		if a.chooseTarget(cmd) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		list := inTime(cmd.Context(), func(ctx context.Context) []events.Event {
			log, err := a.eventLog(a.lookLink)
			if err != nil {
				return nil
			}
			list, _ := log.List(ctx, events.Filter{}, remembered) // an error completes nothing
			return list
		})
		var words []string
		for _, e := range list {
			if word := value(e); word != "" && word == wire.OneLine(word) && !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
		slices.Sort(words)
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
