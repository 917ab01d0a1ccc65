// Command gc-events-local keeps gc's events in a file on this machine: GC_EVENTS=exec:gc-events-local. See package front.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/events/jsonl"
	"github.com/gascity/agentd/client/front"
	"github.com/gascity/agentd/client/target"
)

func main() {
	// A panic would exit 2, which gc takes for success. This makes it 134.
	debug.SetTraceback("crash")
	testOnlyBegin()
	os.Exit(front.RunEvents(context.Background(), front.Config{Backend: target.Local, Log: openLog}, os.Args, os.Stdin, os.Stdout, os.Stderr))
}

func openLog() (events.Log, error) {
	path, err := jsonl.Path(os.Getenv)
	if err != nil {
		return nil, err
	}
	return jsonl.Open(path), nil
}

// testOnlyBegin runs before anything else that main does but the first line.
var testOnlyBegin = func() {}
