package main

import (
	"fmt"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/tmux"
)

// checkCommand tells of an image, without an agent, what a launch in it would come to.
func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Tell whether an agent could run here, by tmux and a shell: exit status 0 or 1",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := tmux.Missing(); err != nil {
				return err
			}
			if _, err := exec.LookPath("sh"); err != nil {
				return fmt.Errorf("there is no shell (sh) in the image, or on the machine, that the agent is to run in (PATH is %q)", os.Getenv("PATH"))
			}
			sayVersion(c.OutOrStdout())
			return nil
		},
	}
}
