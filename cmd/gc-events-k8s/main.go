// Command gc-events-k8s keeps gc's events in a namespace's ConfigMaps: GC_EVENTS=exec:gc-events-k8s. See package front.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/gascity/agentd/client/connect"
	"github.com/gascity/agentd/client/front"
	"github.com/gascity/agentd/client/target"
)

func main() {
	// A panic would exit 2, which gc takes for success. This makes it 134.
	debug.SetTraceback("crash")
	testOnlyBegin()
	os.Exit(front.RunEvents(context.Background(), front.Config{Backend: target.Kube, Connect: connect.Kube}, os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// testOnlyBegin runs before anything else that main does but the first line.
var testOnlyBegin = func() {}
