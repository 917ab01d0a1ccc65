// agentd supervises one agent in a tmux session and serves it over a websocket: as a pod's first process, or as an ordinary one.
package main

import (
	"os"
	"runtime/debug"
)

func main() {
	debug.SetTraceback("crash") // a panic then ends the process by SIGABRT: its usual exit status 2 means something to gc
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
