package gcctl

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/events"
)

func newEventsGet(a *app) *cobra.Command {
	var output outputFlag
	cmd := &cobra.Command{
		Use:   "get NUMBER",
		Short: "Print a whole event",
		Long:  "Print a whole event; with -o json as it is stored, on one line.",
		Example: `  gcctl events get 42
  gcctl events get 42 -o json | jq .payload`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return usage(cmd, "no event's number given")
			case 1:
				return nil
			}
			return usage(cmd, "unexpected argument %q", args[1])
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := output.check(cmd); err != nil {
				return err
			}
			seq, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil || seq == 0 {
				return usage(cmd, "%q is no event's number", args[0])
			}
			e, err := a.event(cmd.Context(), seq)
			if err != nil {
				return err
			}
			if output.structured() {
				return a.printStored(&output, []events.Event{e})
			}
			_, err = fmt.Fprint(a.streams.Out, describe(e, time.Now(), paletteFor(a.streams.Out, a.getenv)))
			return err
		},
	}
	output.register(cmd)
	return cmd
}

// event finds an event.
func (a *app) event(ctx context.Context, seq uint64) (events.Event, error) {
	log, err := a.eventLog(a.hub)
	if err != nil {
		return events.Event{}, err
	}
	list, err := log.List(ctx, events.Filter{AfterSeq: seq - 1}, 0)
	if err != nil {
		return events.Event{}, a.explain(ctx, "", err)
	}
	if len(list) > 0 && list[0].Seq == seq {
		return list[0], nil
	}
	return events.Event{}, hint(fmt.Errorf("there is no event %d", seq), "%s events ls lists what there is: old events are pruned, and not every number has one", a.command())
}

// describe lays an event out for people.
func describe(e events.Event, now time.Time, p palette) string {
	var b strings.Builder
	field := func(name, value string, c paint) {
		if value != "" {
			fmt.Fprintf(&b, "%s%s\n", p.paint(fmt.Sprintf("%-10s", name), paintFaint), p.paint(value, c))
		}
	}
	field("number", strconv.FormatUint(e.Seq, 10), paintNone)
	if !e.Time.IsZero() {
		field("time", fmt.Sprintf("%s (%s ago)", e.Time.Format(time.RFC3339Nano), since(now, e.Time)), paintNone)
	}
	field("type", wire.OneLine(e.Type), hueOf(e.Type))
	field("actor", wire.OneLine(e.Actor), paintNone)
	field("subject", wire.OneLine(e.Subject), paintNone)
	for i, line := range strings.Split(e.Message, "\n") {
		field([]string{"message", ""}[min(i, 1)], strings.Map(printable, line), paintNone)
	}
	if payload := payloadOf(e); payload != nil {
		var indented bytes.Buffer
		if json.Indent(&indented, harmless(payload), "", "  ") == nil {
			fmt.Fprintf(&b, "%s\n%s\n", p.paint("payload", paintFaint), indented.String())
		}
	}
	return b.String()
}
