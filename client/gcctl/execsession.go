package gcctl

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/front"
)

// newExecSession is what a front becomes when GC_HUB=off: the same operation, with the hub's code in this process.
func newExecSession(a *app) *cobra.Command {
	return &cobra.Command{
		Use:                front.ExecSession + " BACKEND PROGRAM OPERATION [ARG…]",
		Short:              "Do one operation of gc's exec contract without a hub's process",
		Hidden:             true,
		DisableFlagParsing: true, // a session may be called "--help"
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(cmd, "a backend and a program's name are needed")
			}
			return a.execSession(cmd.Context(), args[0], args[1:])
		},
	}
}

func (a *app) execSession(ctx context.Context, backend string, argv []string) error {
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
	if status := front.RunSession(ctx, config, argv, a.streams.In, a.streams.Out, a.streams.Err); status != 0 {
		return statusError(status)
	}
	return nil
}
