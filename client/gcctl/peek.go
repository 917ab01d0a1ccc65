package gcctl

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

type peekOptions struct {
	app    *app
	lines  int
	all    bool
	follow bool
}

func newPeek(a *app) *cobra.Command {
	o := &peekOptions{app: a}
	cmd := &cobra.Command{
		Use:   "peek NAME",
		Short: "Print a session's screen",
		Long: `Print what a session's screen shows, as plain text, and with -n that many lines
which have scrolled out of it. Empty lines at the end are left out.

With --follow the screen is shown on this terminal and kept up to date until
Ctrl-C; nothing is attached, and the window keeps its size.`,
		Example: `  gcctl peek demo
  gcctl peek demo -l 100
  gcctl peek demo -f`,
		Args:              sessionArgs(0, 0, ""),
		ValidArgsFunction: a.completeSessions(1, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch f := cmd.Flags(); {
			case o.lines < 0:
				return usage(cmd, "--lines %d: give 0 or more; --all is all there is", o.lines)
			case o.all && f.Changed("lines"):
				return usage(cmd, "--lines and --all exclude each other")
			case o.follow && (o.all || f.Changed("lines")):
				return usage(cmd, "--follow shows the screen alone: leave out --lines and --all")
			}
			if o.follow {
				return o.show(cmd.Context(), args[0])
			}
			return o.run(cmd.Context(), args[0])
		},
	}
	cmd.Flags().IntVarP(&o.lines, "lines", "l", 0, "`N` lines above the screen")
	cmd.Flags().BoolVar(&o.all, "all", false, "all lines above the screen")
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "keep it up to date until Ctrl-C")
	freeFlags(cmd, "lines")
	return cmd
}

func (o *peekOptions) run(ctx context.Context, session string) error {
	history := o.lines
	if o.all {
		history = -1
	}
	text, err := o.app.peek(ctx, session, history)
	if err != nil {
		return err
	}
	_, err = io.WriteString(o.app.streams.Out, text)
	return err
}

// peek gives the screen's text with so many lines of history, all for -1, without the empty lines at its end.
func (a *app) peek(ctx context.Context, session string, history int) (string, error) {
	var text []byte
	rows := 0
	err := a.hub().Do(ctx, string(wire.OpPeek), true, func(ctx context.Context, c *mux.Conn) (err error) {
		if history == 0 { // which the wire has no word for: 0 lines mean all
			if rows, err = screenRows(ctx, c, session); err != nil {
				return err
			}
		}
		text, _, err = capture(ctx, c, session, wire.Peek{Lines: max(history, boolInt(history == 0))})
		return err
	})
	if err != nil {
		return "", a.explain(ctx, session, err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if rows > 0 && len(lines) > rows {
		lines = lines[len(lines)-rows:]
	}
	return joinLines(trimEmpty(lines)), nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// screenRows asks for the height of a session's screen, 0 when nobody knows it.
func screenRows(ctx context.Context, c *mux.Conn, session string) (int, error) {
	var state wire.StateReply
	err := c.Call(ctx, mux.Request{Op: wire.OpState, Session: session}, &state)
	return state.Rows, err
}

// capture reads a session's screen.
func capture(ctx context.Context, c *mux.Conn, session string, ask wire.Peek) ([]byte, wire.PeekReply, error) {
	var reply wire.PeekReply
	k, err := c.Open(ctx, mux.Request{Op: wire.OpPeek, Session: session, Body: ask})
	if err != nil {
		return nil, reply, err
	}
	defer k.Cancel()
	text, err := io.ReadAll(k)
	if err != nil {
		return nil, reply, err
	}
	err = k.Result(&reply)
	return text, reply, err
}

// trimEmpty leaves out the empty lines at the end.
func trimEmpty(lines []string) []string {
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// noFollowing refuses to follow a screen where it can't be drawn again.
func (a *app) noFollowing(session string) error {
	return hint(fmt.Errorf("peek --follow needs a terminal to draw on: standard output is none"), "%s logs -f %s follows the output as lines", a.command(), quoteWord(session))
}
