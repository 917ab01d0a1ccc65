package gcctl

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
)

type versionOptions struct {
	app    *app
	output outputFlag
	client bool
}

// versions is what version prints. Hub is empty when none runs.
type versions struct {
	Client string `json:"client"`
	Hub    string `json:"hub,omitempty"`
}

func newVersion(a *app) *cobra.Command {
	o := &versionOptions{app: a}
	cmd := &cobra.Command{
		Use:               "version",
		Short:             "Print the versions of gcctl and of the hub",
		Example:           "  gcctl version -o json",
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
	cmd.Flags().BoolVar(&o.client, "client", false, "leave out the hub")
	return cmd
}

func (o *versionOptions) run(ctx context.Context) error {
	v := versions{Client: wire.BuildVersion()}
	if !o.client {
		status, err := o.app.hubStatus(ctx)
		if err != nil && !noHub(err) {
			return err
		}
		v.Hub = status.Version
	}
	if o.output.structured() {
		return o.output.write(o.app.streams.Out, v, false)
	}
	text := "gcctl " + v.Client + "\n"
	switch {
	case o.client:
	case v.Hub == "":
		text += "hub   none runs\n"
	default:
		text += "hub   " + v.Hub + "\n"
	}
	_, err := fmt.Fprint(o.app.streams.Out, text)
	return err
}
