package main

import (
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"
)

// dialTime is how long a connection may take unless it is said otherwise: a Service without pods behind it never answers.
const dialTime = 5 * time.Second

// dialCommand tells whether a server can be reached from where agentd is: images of agents seldom have a program that does.
func dialCommand() *cobra.Command {
	var within time.Duration
	c := &cobra.Command{
		Use:   "dial HOST:PORT",
		Short: "Connect to a server once: exit status 0 or 1",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("dial: give one HOST:PORT")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			begun := time.Now()
			dialer := net.Dialer{Timeout: within}
			conn, err := dialer.DialContext(c.Context(), "tcp", args[0])
			if err != nil {
				return err // it names the address
			}
			defer conn.Close()
			fmt.Fprintf(c.OutOrStdout(), "connected to %s (%s) in %v\n", args[0], conn.RemoteAddr(), time.Since(begun).Round(100*time.Microsecond))
			return nil
		},
	}
	c.Flags().DurationVar(&within, "within", dialTime, "how long it may take")
	return c
}
