package gcctl

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/hub"
)

// defaultBackend and backendNames are where sessions can run.
const defaultBackend = "local"

var backendNames = []string{defaultBackend}

// app is what the commands share.
type app struct {
	streams Streams
	getenv  func(string) string
	argv    []string
	backend string
	link    hubLink // nil until it is needed

	mu         sync.Mutex
	own        *hub.Hub // the hub within this process, nil until it is needed
	endBackend func()
}

func (a *app) checkBackend(cmd *cobra.Command) error {
	if slices.Contains(backendNames, a.backend) {
		return nil
	}
	return usage(cmd, "unknown backend %q: there is %s", a.backend, strings.Join(backendNames, ", "))
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
