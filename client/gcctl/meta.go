package gcctl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

type metaOptions struct {
	app    *app
	output outputFlag
}

func newMeta(a *app) *cobra.Command {
	o := &metaOptions{app: a}
	cmd := &cobra.Command{
		Use:   "meta NAME",
		Short: "Keep values with a session",
		Long: `List the values that are kept with a session under keys. The agent sees them in
its tmux session's environment, and they outlive it.`,
		Example: `  gcctl meta demo
  gcctl meta set demo ticket 4711
  gcctl meta get demo ticket`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 && len(cmd.SuggestionsFor(args[0])) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return sessionArgs(0, 0, "")(cmd, args)
		},
		SuggestionsMinimumDistance: 2,
		ValidArgsFunction:          a.completeSessions(1, true),
		RunE:                       o.list,
	}
	o.output.register(cmd)
	list := &cobra.Command{
		Use: "ls NAME", Aliases: []string{"list"}, Short: "List the values of a session, whatever its name",
		Args: sessionArgs(0, 0, ""), ValidArgsFunction: a.completeSessions(1, true), RunE: o.list,
	}
	o.output.register(list)
	cmd.AddCommand(
		list,
		&cobra.Command{
			Use: "get NAME KEY", Short: "Print a value",
			Long: "Print a value. A key that isn't set is an error.",
			Args: sessionArgs(1, 1, "no key given"), ValidArgsFunction: a.completeMeta,
			RunE: func(cmd *cobra.Command, args []string) error { return a.metaGet(cmd.Context(), args[0], args[1]) },
		},
		&cobra.Command{
			Use: "set NAME KEY VALUE|-", Short: "Set a value",
			Long: "Set a value; - reads it from stdin, as it is.",
			Args: sessionArgs(2, 2, "a key and a value are needed"), ValidArgsFunction: a.completeMeta,
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.metaSet(cmd.Context(), args[0], args[1], args[2])
			},
		},
		&cobra.Command{
			Use: "rm NAME KEY…", Aliases: []string{"remove"}, Short: "Remove values",
			Args: sessionArgs(1, -1, "no key given"), ValidArgsFunction: a.completeMeta,
			RunE: func(cmd *cobra.Command, args []string) error { return a.metaRemove(cmd.Context(), args[0], args[1:]) },
		},
	)
	return cmd
}

func (o *metaOptions) list(cmd *cobra.Command, args []string) error {
	if err := o.output.check(cmd); err != nil {
		return err
	}
	reply, err := o.app.metaList(cmd.Context(), args[0])
	if err != nil {
		return err
	}
	if o.output.structured() {
		return o.output.write(o.app.streams.Out, reply.Meta, false)
	}
	for _, key := range slices.Sorted(maps.Keys(reply.Meta)) {
		if _, err := fmt.Fprintf(o.app.streams.Out, "%s=%s\n", wire.OneLine(key), escapeControls(reply.Meta[key])); err != nil {
			return err
		}
	}
	return nil
}

// escapeControls shows a value on one line that leaves the terminal alone.
func escapeControls(value string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' {
			return '⏎'
		}
		return printable(r)
	}, value)
}

func (a *app) metaList(ctx context.Context, session string) (wire.MetaList, error) {
	var reply wire.MetaList
	err := a.call(ctx, mux.Request{Op: wire.OpMetaList, Session: session}, &reply)
	if reply.Meta == nil {
		reply.Meta = map[string]string{}
	}
	return reply, err
}

func (a *app) metaGet(ctx context.Context, session, key string) error {
	var reply wire.Meta
	if err := a.call(ctx, mux.Request{Op: wire.OpMetaGet, Session: session, Body: wire.Meta{Key: key}}, &reply); err != nil {
		return err
	}
	if !reply.Set {
		return hint(fmt.Errorf("session %q has no %q", session, key), "%s meta %s lists what it has", a.command(), quoteWord(session))
	}
	_, err := fmt.Fprintln(a.streams.Out, reply.Value)
	return err
}

func (a *app) metaSet(ctx context.Context, session, key, value string) error {
	if value == "-" {
		text, err := a.readStdin(ctx, "the value", wire.MaxMetaValue)
		if err != nil {
			return err
		}
		value = string(text)
	}
	if len(value) > wire.MaxMetaValue {
		return fmt.Errorf("the value of %q is over the limit of %d bytes", key, wire.MaxMetaValue)
	}
	if err := wire.CheckText(value); err != nil {
		return fmt.Errorf("the value of %q: %w", key, err)
	}
	return a.call(ctx, mux.Request{Op: wire.OpMetaSet, Session: session, Body: wire.Meta{Key: key, Value: value, Set: true}}, nil)
}

func (a *app) metaRemove(ctx context.Context, session string, keys []string) error {
	var failed []error
	for _, key := range keys {
		failed = append(failed, a.call(ctx, mux.Request{Op: wire.OpMetaRemove, Session: session, Body: wire.Meta{Key: key}}, nil))
	}
	return errors.Join(failed...)
}

// completeMeta completes a session's name, then its keys.
func (a *app) completeMeta(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return a.completeSessions(1, true)(cmd, args, typed)
	case 1:
		return a.metaKeys(cmd.Context(), args[0]), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) metaKeys(ctx context.Context, session string) []string {
	return inTime(ctx, func(ctx context.Context) []string {
		link := a.lookLink()
		defer link.Close()
		var reply wire.MetaList
		_ = link.Call(ctx, mux.Request{Op: wire.OpMetaList, Session: session}, &reply, true) // an error completes nothing
		return slices.Sorted(maps.Keys(reply.Meta))
	})
}
