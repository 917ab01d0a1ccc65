// Command gc-session-local lets gc run agents on this machine: GC_SESSION=exec:gc-session-local. See package front.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/gascity/agentd/client/connect"
	"github.com/gascity/agentd/client/front"
)

func main() {
	// A panic would exit 2, which gc takes for success. This makes it 134.
	debug.SetTraceback("crash")
	testOnlyBegin()
	os.Exit(front.RunSession(context.Background(), front.Config{Backend: "local", Connect: connect.Local}, os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// testOnlyBegin runs before anything else that main does but the first line.
var testOnlyBegin = func() {}
