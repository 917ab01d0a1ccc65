package gcctl

import (
	"context"
	"sync"

	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/target"
)

// app is what the commands share.
type app struct {
	streams Streams
	getenv  func(string) string
	argv    []string
	place   placeFlags
	target  target.Target
	link    hubLink // nil until it is needed

	mu         sync.Mutex
	own        *hub.Hub // the hub within this process, nil until it is needed
	endBackend func()
}

// hub gives the way to the hub, which is started when none answers.
func (a *app) hub() hubLink {
	if a.link == nil {
		a.link = a.newLink()
	}
	return a.link
}

func (a *app) close() {
	if a.link != nil {
		a.link.Close()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.own != nil {
		a.own.Close()
		a.endBackend()
	}
}

// call makes a request about a session that may be repeated, and explains what goes wrong.
func (a *app) call(ctx context.Context, r mux.Request, reply any) error {
	return a.explain(ctx, r.Session, a.hub().Call(ctx, r, reply, true))
}

// callOnce makes a request about a session that must not be made twice.
func (a *app) callOnce(ctx context.Context, r mux.Request, reply any) error {
	return a.explain(ctx, r.Session, a.hub().Call(ctx, r, reply, false))
}
