package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

const (
	// dialTime is how long a connection may take unless it is said otherwise: a Service without pods behind it never answers.
	dialTime = 5 * time.Second
	// dialAgain is when one that was refused is tried again.
	dialAgain = 200 * time.Millisecond
)

// dialCommand tells whether a server can be reached from where agentd is: images of agents seldom have a program that does.
func dialCommand() *cobra.Command {
	var within time.Duration
	c := &cobra.Command{
		Use:   "dial HOST:PORT",
		Short: "Connect to a server: exit status 0 or 1",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("dial: give one HOST:PORT")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			begun := time.Now()
			ctx, cancel := context.WithTimeout(c.Context(), within)
			defer cancel()
			conn, err := dial(ctx, args[0])
			if err != nil {
				return err // it names the address
			}
			defer conn.Close()
			fmt.Fprintf(c.OutOrStdout(), "connected to %s (%s) in %v\n", args[0], conn.RemoteAddr(), time.Since(begun).Round(100*time.Microsecond))
			return nil
		},
	}
	c.Flags().DurationVar(&within, "within", dialTime, "how long it may take; a connection that is refused is tried again")
	return c
}

// dial connects. A refusal says little at first: a network that enforces policies lets a new pod through a moment after its start, and refuses it until then.
func dial(ctx context.Context, address string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	for errors.Is(err, syscall.ECONNREFUSED) {
		select {
		case <-time.After(dialAgain):
		case <-ctx.Done():
			return nil, err
		}
		var again error
		if conn, again = dialer.DialContext(ctx, "tcp", address); again == nil || ctx.Err() == nil {
			err = again
		}
	}
	return conn, err
}
