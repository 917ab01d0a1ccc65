package gcctl

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func newNudge(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "nudge NAME [TEXT…|-]",
		Short: "Type a message and submit it",
		Long: `Type a message into a session and submit it with Enter. Words are joined by
spaces; without any, or with -, the message is read from stdin, and newlines at
its end are left out.

The text is literal: it can hold several lines, and names of keys mean nothing
in it (gcctl keys presses keys). Messages to one session never mix: each waits
for those before it. The command returns when the message has been submitted.`,
		Example: `  gcctl nudge demo 'run the tests again'
  gcctl nudge demo < task.md`,
		Args:              sessionArgs(0, -1, ""),
		ValidArgsFunction: a.completeSessions(1, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.nudge(cmd.Context(), args[0], args[1:])
		},
	}
}

func (a *app) nudge(ctx context.Context, session string, words []string) error {
	text := []byte(strings.Join(words, " "))
	if len(words) == 0 || len(words) == 1 && words[0] == "-" {
		read, err := a.readStdin(ctx, "the message", wire.MaxNudge)
		if err != nil {
			return err
		}
		text = bytes.TrimRight(read, "\r\n")
	}
	if len(text) == 0 {
		return fmt.Errorf("the message is empty")
	}
	if len(text) > wire.MaxNudge {
		return hint(fmt.Errorf("the message has %d bytes, the limit is %d", len(text), wire.MaxNudge), "%s cp brings it into the session as a file; nudge that file's name", a.command())
	}
	// With the key a repeat after a lost connection isn't typed twice.
	r := mux.Request{Op: wire.OpNudge, Session: session, Key: rand.Text(), Body: wire.Nudge{Wait: true}, Input: text}
	return a.call(ctx, r, nil)
}

func newKeys(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "keys NAME KEY…",
		Short: "Press keys",
		Long: `Press keys, by tmux's names for them: Enter, Escape, Tab, BSpace, Up, Down, Left,
Right, Home, End, PageUp, PageDown, F1 …; C-c is Ctrl-C, M-x is Alt-x. What is no
name is typed as it is. Keys wait for messages that came before; gcctl interrupt
does not.`,
		Example: `  gcctl keys demo Down Down Enter
  gcctl keys demo C-c`,
		Args:              sessionArgs(1, wire.MaxKeys, "no key given"),
		ValidArgsFunction: a.completeKeys,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.callOnce(cmd.Context(), mux.Request{Op: wire.OpKeys, Session: args[0], Body: wire.Keys{Keys: args[1:]}}, nil)
		},
	}
}

// keyNames are the keys that completion offers.
var keyNames = []string{
	"Enter", "Escape", "Tab", "BTab", "Space", "BSpace", "Up", "Down", "Left", "Right", "Home", "End", "PageUp", "PageDown", "Insert", "Delete",
	"C-c", "C-d", "C-u", "C-l", "C-z",
}

func (a *app) completeKeys(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeSessions(1, false)(cmd, args, typed)
	}
	return keyNames, cobra.ShellCompDirectiveNoFileComp
}

func newInterrupt(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "interrupt NAME",
		Short:             "Press Ctrl-C",
		Example:           "  gcctl interrupt demo",
		Args:              sessionArgs(0, 0, ""),
		ValidArgsFunction: a.completeSessions(1, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.callOnce(cmd.Context(), mux.Request{Op: wire.OpInterrupt, Session: args[0]}, nil)
		},
	}
}
