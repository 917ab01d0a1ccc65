package gcctl

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func newHub(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "See to the hub, which keeps the connections to all sessions",
		Long: `The hub is a process of yours that keeps the connections to all sessions. It is
started when it is needed and leaves when it is not. Sessions live on without it.`,
		Args:                       cobra.ArbitraryArgs,
		RunE:                       group,
		SuggestionsMinimumDistance: 2,
	}
	cmd.AddCommand(newHubStatus(a), newHubStop(a), newHubLogs(a), newHubRun(a))
	return cmd
}

type hubStatusOptions struct {
	app    *app
	output outputFlag
}

func newHubStatus(a *app) *cobra.Command {
	o := &hubStatusOptions{app: a}
	cmd := &cobra.Command{
		Use: "status", Short: "Tell whether a hub runs, and how it is",
		Long:              "Tell whether a hub runs, and how it is. That none runs is an answer, with status 1.",
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.output.check(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	o.output.register(cmd)
	return cmd
}

func (o *hubStatusOptions) run(ctx context.Context) error {
	s, err := o.app.hubStatus(ctx)
	if err != nil {
		return err
	}
	if o.output.structured() {
		return o.output.write(o.app.streams.Out, s, false)
	}
	_, err = fmt.Fprintf(o.app.streams.Out,
		"Version:   %s\nPID:       %d\nUp:        %s\nBackend:   %s\nSessions:  %d\nRequests:  %d\nMemory:    %.1f MiB\nSocket:    %s\nLog:       %s\n",
		s.Version, s.PID, age(time.Since(s.Started)), s.Backend, s.Sessions, s.Requests, float64(s.Memory)/(1<<20), s.Socket, s.Log)
	return err
}

// hubStatus asks the hub how it is. noHub tells the error when none runs.
func (a *app) hubStatus(ctx context.Context) (wire.HubStatus, error) {
	link := a.runningHub()
	defer link.Close()
	var s wire.HubStatus
	err := link.Call(ctx, mux.Request{Op: wire.OpHubStatus}, &s, false)
	return s, a.explain(ctx, "", err)
}

func newHubStop(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "stop", Short: "End the hub; sessions live on",
		Long:              "End the hub. Sessions live on, and the next command that needs a hub starts one.",
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return a.hubStop(cmd.Context()) },
	}
}

func (a *app) hubStop(ctx context.Context) error {
	link := a.runningHub()
	defer link.Close()
	if err := link.Call(ctx, mux.Request{Op: wire.OpHubStop, Body: wire.HubStop{}}, nil, false); err != nil {
		return a.explain(ctx, "", err)
	}
	fmt.Fprintln(a.streams.Err, "hub stopped; sessions live on")
	return nil
}
