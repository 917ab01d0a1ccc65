package gcctl

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
)

// Streams are what a command reads and writes.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Run does what args ask for; args[0] is the program, as it was started. SIGINT, SIGTERM and SIGHUP, or the end of ctx, cancel what is under way,
// in the hub as well. Report tells the error.
func Run(ctx context.Context, streams Streams, args []string) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	a := &app{streams: streams, getenv: os.Getenv, argv: args}
	if isCompleter(args) {
		args = append([]string{args[0], cobra.ShellCompRequestCmd}, args[1:]...)
	}
	defer a.close()
	root := newRoot(a)
	root.SetArgs(args[min(1, len(args)):])
	return root.ExecuteContext(ctx)
}

const rootLong = `gcctl lists, watches and drives agents that run in sessions, on this machine or in
the pods of a Kubernetes namespace.

A session is one agent in a tmux window of its own. It lives on when you leave
it, when gcctl ends, and when the hub, the process of yours that keeps the
connections to all sessions, is stopped or replaced.`

// newRoot makes the tree of commands.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "gcctl",
		Short: "Drive agents in sessions",
		Long:  rootLong,
		Example: `  gcctl start demo -- bash
  gcctl nudge demo 'echo hello'
  gcctl peek demo
  gcctl attach demo`,
		Version:       wire.BuildVersion(),
		Annotations:   map[string]string{},
		Args:          cobra.ArbitraryArgs,
		RunE:          group,
		SilenceErrors: true,
		SilenceUsage:  true,
		// The distance in letters up to which a mistyped command is recognised.
		SuggestionsMinimumDistance: 2,
	}
	if a.isPlugin() {
		root.Annotations[cobra.CommandDisplayNameAnnotation] = a.program()
	}
	root.SetIn(a.streams.In)
	root.SetOut(a.streams.Out)
	root.SetErr(a.streams.Err)
	root.SetFlagErrorFunc(flagError)
	root.SetVersionTemplate("gcctl {{.Version}}\n")
	root.SetUsageTemplate(usageTemplate(root.UsageTemplate()))
	a.place.register(root)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.chooseTarget(cmd) }
	root.AddGroup(&cobra.Group{ID: "sessions", Title: "Sessions:"}, &cobra.Group{ID: "looking", Title: "Looking:"},
		&cobra.Group{ID: "typing", Title: "Typing:"}, &cobra.Group{ID: "other", Title: "Other:"})
	add(root, "sessions", newList(a), newStart(a), newStop(a), newMeta(a), newCopy(a))
	add(root, "looking", newPeek(a), newLogs(a), newEvents(a))
	add(root, "typing", newAttach(a), newNudge(a), newKeys(a), newInterrupt(a))
	add(root, "other", newHub(a), newDoctor(a), newCompletion(a), newVersion(a))
	root.AddCommand(newExecSession(a), newExecEvents(a))
	callIt(root, a.program())
	root.SetHelpCommandGroupID("other")
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			c.Args = helpTopic
		}
	}
	return root
}

// callIt makes examples call the program by that name.
func callIt(cmd *cobra.Command, program string) {
	cmd.Example = strings.ReplaceAll(cmd.Example, "gcctl ", program+" ")
	for _, sub := range cmd.Commands() {
		callIt(sub, program)
	}
}

// helpTopic demands that help is asked for a command there is.
func helpTopic(cmd *cobra.Command, args []string) error {
	found, rest, err := cmd.Root().Find(args)
	if err != nil {
		return usage(cmd, "%w", err)
	}
	if len(rest) > 0 {
		return unknownCommand(found, rest[0])
	}
	return nil
}

func add(parent *cobra.Command, groupID string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = groupID
		parent.AddCommand(c)
	}
}

// usageTemplate wraps the flags' descriptions at 80 columns.
func usageTemplate(template string) string {
	template = strings.ReplaceAll(template, "LocalFlags.FlagUsages ", "LocalFlags.FlagUsagesWrapped 80 ")
	return strings.ReplaceAll(template, "InheritedFlags.FlagUsages ", "InheritedFlags.FlagUsagesWrapped 80 ")
}

// group runs a command that only has subcommands.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return unknownCommand(cmd, args[0])
}

// unknownCommand says that parent has no such command, and which was perhaps meant.
func unknownCommand(cmd *cobra.Command, name string) error {
	err := usage(cmd, "unknown command %q", name)
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		return hint(err, "did you mean %s %s?", cmd.CommandPath(), strings.Join(near, " or "))
	}
	return hint(err, "%s --help lists the commands", cmd.CommandPath())
}

func firstOr(list []string, other string) string {
	if len(list) > 0 {
		return list[0]
	}
	return other
}
