package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/health"
	"github.com/gascity/agentd/agentd/wire"
)

// exitUsage is the exit status of every mistake in the command line. Never 2: gc takes that for "unknown operation", which it counts as
// success.
const exitUsage = 1

// statusError carries the exit status of a command that has said already what there is to say.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// run is main, with its streams, giving the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	root := command(stdout, stderr)
	root.SetArgs(args)
	err := root.Execute()
	var status statusError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	fmt.Fprintf(stderr, "agentd: %v\n", err)
	return exitUsage
}

func command(stdout, stderr io.Writer) *cobra.Command {
	life := initCommand(stderr)
	root := &cobra.Command{
		Use:   "agentd",
		Short: "Supervise one agent in a tmux session, and serve it over a websocket",
		Long: "agentd supervises one agent in a tmux session, and serves it over a websocket.\n" +
			"Without a command it is agentd init. Every flag has a variable: AGENTD_RUN_DIR is --run-dir.",
		Args:              cobra.NoArgs,
		RunE:              life.RunE,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.Flags().AddFlagSet(life.Flags())
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w\nagentd: hint: %s --help lists the flags", err, c.CommandPath())
	})
	root.AddCommand(life, serveCommand(stdout, stderr), installCommand(), healthzCommand(), dialCommand(), checkCommand(), versionCommand())
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version and the protocol",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			sayVersion(c.OutOrStdout())
			return nil
		},
	}
}

func sayVersion(w io.Writer) {
	fmt.Fprintf(w, "agentd %s (%s)\n", wire.BuildVersion(), wire.Subprotocol)
}

func healthzCommand() *cobra.Command {
	var address string
	var ready bool
	c := &cobra.Command{
		Use:   "healthz",
		Short: "Ask a running agentd whether it is well: exit status 0 or 1",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := fromEnv(c.Flags()); err != nil {
				return err
			}
			return health.Probe(c.Context(), address, ready)
		},
	}
	c.Flags().StringVar(&address, "health", defaultHealth, "where the running agentd serves its health: unix:PATH or HOST:PORT")
	c.Flags().BoolVar(&ready, "ready", false, "ask whether the agent runs, not just agentd")
	return c
}

// logger writes JSON lines to w.
func (o *options) logger(w io.Writer, process string) *slog.Logger {
	level, err := o.level()
	if err != nil {
		level = slog.LevelInfo // check has told of it
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})).With("process", process, "pid", os.Getpid())
}

func (o *options) level() (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(o.logLevel)); err != nil {
		return 0, fmt.Errorf("--log-level %q is not debug, info, warn or error", o.logLevel)
	}
	return l, nil
}
