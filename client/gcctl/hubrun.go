package gcctl

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/paths"
)

// newHubRun is the hub itself. Programs of ours start it; people needn't.
func newHubRun(a *app) *cobra.Command {
	var p hub.Process
	cmd := &cobra.Command{
		Use: "run", Short: "Be the hub", Hidden: true,
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return a.hubRun(cmd.Context(), p) },
	}
	f := cmd.Flags()
	f.IntVar(&p.ListenFD, "listen-fd", 0, "inherited `DESCRIPTOR` of the listening socket; 0: make one")
	f.DurationVar(&p.Idle, "idle", 0, "leave after this `TIME` without clients and sessions (default: 30m)")
	f.BoolVarP(&p.Verbose, "verbose", "v", false, "log more")
	return cmd
}

func (a *app) hubRun(ctx context.Context, p hub.Process) error {
	dirs, err := paths.Open()
	if err != nil {
		return err
	}
	b, err := a.openBackend(false)
	if err != nil {
		return err
	}
	defer b.end()
	p.Backend, p.Token, p.Files = b.Backend, b.mint, dirs.Hub(a.target.Key())
	return hub.Run(ctx, p)
}
