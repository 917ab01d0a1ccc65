// Command gcctl drives agents in sessions: see package client/gcctl, and gcctl --help.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/gascity/agentd/client/gcctl"
)

func main() {
	debug.SetTraceback("crash") // a panic then ends the process by SIGABRT: its usual exit status 2 means something to gc
	err := gcctl.Run(context.Background(), gcctl.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Args)
	os.Exit(gcctl.Report(os.Stderr, os.Args, err))
}
