package gcctl

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/front"
)

// newExecSession is what a front for sessions becomes when GC_HUB=off: the same operation, with the hub's code in this process.
func newExecSession(a *app) *cobra.Command {
	return newExec(a, front.ExecSession, "sessions", front.RunSession)
}

// newExecEvents is the same for events.
func newExecEvents(a *app) *cobra.Command {
	return newExec(a, front.ExecEvents, "events", front.RunEvents)
}

// runFront does an operation of one of gc's exec contracts and gives the exit status.
type runFront func(ctx context.Context, c front.Config, argv []string, stdin io.Reader, stdout, stderr io.Writer) int

func newExec(a *app, command, contract string, run runFront) *cobra.Command {
	return &cobra.Command{
		Use:                command + " BACKEND PROGRAM OPERATION [ARG…]",
		Short:              "Do one operation of gc's exec contract for " + contract + " without a hub's process",
		Hidden:             true,
		DisableFlagParsing: true, // a session may be called "--help"
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(cmd, "a backend and a program's name are needed")
			}
			return a.exec(cmd.Context(), run, args[0], args[1:])
		},
	}
}

func (a *app) exec(ctx context.Context, run runFront, backend string, argv []string) error {
	var err error
	if a.target, err = a.targetOf(backend); err != nil {
		return err
	}
	connect := func(ctx context.Context) (*mux.Conn, error) {
		h, err := a.ownHub()
		if err != nil {
			return nil, err
		}
		return h.Connect(ctx)
	}
	config := front.Config{Backend: backend, Connect: connect, InProcess: true}
	if status := run(ctx, config, argv, a.streams.In, a.streams.Out, a.streams.Err); status != 0 {
		return statusError(status)
	}
	return nil
}
