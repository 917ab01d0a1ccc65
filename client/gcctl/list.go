package gcctl

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/target"
)

type listOptions struct {
	app       *app
	output    outputFlag
	watch     bool
	all       bool
	noHeaders bool
	city      string
	table     table
}

func newList(a *app) *cobra.Command {
	o := &listOptions{app: a}
	cmd := &cobra.Command{
		Use:     "ls [PREFIX]",
		Aliases: []string{"list"},
		Short:   "List sessions",
		Long: `List the sessions whose names begin with PREFIX, all without one.

ACTIVITY is how long ago the agent last did something: its screen changed, and
not because something was typed or repainted.

With --watch the list is kept up to date, on a terminal in place; elsewhere each
change is printed as it comes.`,
		Example: `  gcctl ls
  gcctl ls mytown- -o wide
  gcctl ls -w
  gcctl ls -o json | jq -r '.sessions[] | select(.attached > 0) | .name'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(cmd, "unexpected argument %q", args[1])
			}
			return nil
		},
		ValidArgsFunction: a.completeSessions(1, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.output.check(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context(), firstOr(args, ""))
		},
	}
	f := cmd.Flags()
	o.output.register(cmd, "name", "wide")
	f.BoolVarP(&o.watch, "watch", "w", false, "keep the list up to date until Ctrl-C")
	f.BoolVarP(&o.all, "all", "a", false, "list sessions whose agent has ended, too")
	f.BoolVar(&o.noHeaders, "no-headers", false, "leave out the column titles")
	f.StringVar(&o.city, "city", "", "list this gc workspace's sessions only")
	freeFlags(cmd, "city")
	return cmd
}

func (o *listOptions) run(ctx context.Context, prefix string) error {
	ask := wire.List{Prefix: prefix, City: o.city, All: o.all}
	if o.watch {
		return o.follow(ctx, ask)
	}
	reply, err := o.app.list(ctx, ask)
	if err != nil {
		return err
	}
	if o.output.structured() {
		return o.output.write(o.app.streams.Out, reply, false)
	}
	if len(reply.Sessions) == 0 && o.output.format != "name" {
		fmt.Fprintln(o.app.streams.Err, o.nothing(ask))
		return nil
	}
	return o.print(o.app.streams.Out, reply.Sessions)
}

func (o *listOptions) nothing(ask wire.List) string {
	text := "no sessions"
	if t := o.app.target; t.Backend == target.Kube {
		text += fmt.Sprintf(" in namespace %q", t.Namespace) // which may be mistyped: nothing else tells
	}
	if ask.Prefix != "" {
		text += fmt.Sprintf(" whose name begins with %q", ask.Prefix)
	}
	if !ask.All {
		text += " (-a shows ended ones)"
	}
	return text
}

func (o *listOptions) print(w io.Writer, list []wire.Info) error {
	return o.table.write(w, o.rows(list, time.Now(), !o.noHeaders), paletteFor(w, o.app.getenv))
}

// rows makes the table's rows.
func (o *listOptions) rows(list []wire.Info, now time.Time, headers bool) [][]cell {
	var rows [][]cell
	if headers && o.output.format != "name" {
		rows = append(rows, plain(o.titles()...))
	}
	for _, s := range list {
		rows = append(rows, o.row(s, now))
	}
	return rows
}

func (o *listOptions) titles() []string {
	titles := []string{"NAME", "STATE", "AGE", "ACTIVITY", "SIZE"}
	if o.output.format == "wide" {
		titles = append(append(titles, "ATTACHED", "CITY"), o.places()...)
		titles = append(titles, "VERSION", "WORKDIR", "COMMAND")
	}
	return titles
}

// places are the columns that say where a session runs.
func (o *listOptions) places() []string {
	if o.app.target.Backend == target.Kube {
		return []string{"POD", "NODE"}
	}
	return []string{"PID"}
}

func (o *listOptions) row(s wire.Info, now time.Time) []cell {
	name := cell{text: wire.OneLine(s.Name)}
	if o.output.format == "name" {
		return []cell{{text: s.Name}}
	}
	state := stateOf(s)
	started := s.Started
	if started.IsZero() {
		started = s.Created
	}
	row := []cell{
		name, {state, paintOf(s)}, {since(now, started), paintFaint}, activityCell(now, s.Activity), {text: sizeOf(s)},
	}
	if o.output.format == "wide" {
		row = append(row, plain(strconv.Itoa(s.Attached), orDash(s.City))...)
		if o.app.target.Backend == target.Kube {
			row = append(row, plain(orDash(s.Pod), orDash(s.Node))...)
		} else {
			row = append(row, plain(number(s.PID))...)
		}
		row = append(row, plain(orDash(s.Version), orDash(s.WorkDir), orDash(s.Command))...)
	}
	return row
}

// activityCell stands out while the agent is at work.
func activityCell(now, t time.Time) cell {
	const atWork = 10 * time.Second
	if t.IsZero() {
		return cell{text: "-", paint: paintFaint}
	}
	c := cell{text: since(now, t) + " ago"}
	if now.Sub(t) >= atWork {
		c.paint = paintFaint
	}
	return c
}

// stateOf is a session's state in a word.
func stateOf(s wire.Info) string {
	switch {
	case s.Lost != "":
		return "lost"
	case s.State == wire.StateExited && s.Exit != nil:
		return fmt.Sprintf("exited (%d)", s.Exit.Status)
	case s.Stopping && s.State != wire.StateExited:
		return "stopping"
	}
	return string(s.State)
}

func paintOf(s wire.Info) paint {
	switch {
	case s.Lost != "", s.State == wire.StateExited && s.Exit != nil && s.Exit.Status != 0:
		return paintBad
	case s.State == wire.StateExited:
		return paintFaint
	case s.State == wire.StateRunning && !s.Stopping:
		return paintGood
	}
	return paintBusy
}

func sizeOf(s wire.Info) string {
	if s.Columns <= 0 || s.Rows <= 0 {
		return "-"
	}
	return fmt.Sprintf("%dx%d", s.Columns, s.Rows)
}

func orDash(s string) string {
	if s = wire.OneLine(s); s == "" {
		return "-"
	}
	return s
}

func number(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}
