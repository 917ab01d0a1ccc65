package gcctl

import (
	"context"
	"errors"
	"fmt"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/connect"
	"github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/kube"
	"github.com/gascity/agentd/client/local"
	"github.com/gascity/agentd/client/paths"
	"github.com/gascity/agentd/client/target"
	"github.com/gascity/agentd/client/terminal"
	"github.com/gascity/agentd/client/token"
)

// hubLink is the way to the hub.
type hubLink interface {
	// Call makes a request without streams. With safe it is made again when the hub went away meanwhile.
	Call(ctx context.Context, r mux.Request, reply any, safe bool) error
	// Do gives f a connection, and with safe another one when the first was lost. what is being done is named in errors.
	Do(ctx context.Context, what string, safe bool, f func(context.Context, *mux.Conn) error) error
	// Close lets go of the connection.
	Close()
}

// hubless says whether GC_HUB=off asks for no hub's process: the hub's code then runs in this one.
func (a *app) hubless() bool { return a.getenv("GC_HUB") == "off" }

// newLink makes a way to the hub, which is started when none answers.
func (a *app) newLink() hubLink {
	if a.hubless() {
		return &inProcess{app: a}
	}
	return connect.New(connect.Options{Target: a.target})
}

// runningHub makes a way to the hub's process, whatever GC_HUB says. When there is none its calls fail with connect.ErrNoHub.
func (a *app) runningHub() hubLink {
	return connect.New(connect.Options{Target: a.target, NoStart: true})
}

// lookLink makes a way to the hub for completion, which starts nothing.
func (a *app) lookLink() hubLink {
	if a.hubless() {
		return a.newLink()
	}
	return a.runningHub()
}

// terminalOptions say how an attach reaches a session. In pods that is by a hub within this process, and the terminal's bytes come on the session's own link:
// a key and its echo then pass one process less each way, and the end of a hub's process is none of the terminal's.
func (a *app) terminalOptions(session string) terminal.Options {
	o := terminal.Options{Session: session, Term: a.getenv("TERM"), Compress: a.target.Backend == target.Kube}
	if !a.hubless() && a.target.Backend != target.Kube {
		o.Connect = func(ctx context.Context) (*mux.Conn, error) {
			return connect.Hub(ctx, connect.Options{Target: a.target})
		}
		return o
	}
	o.Connect = func(ctx context.Context) (*mux.Conn, error) {
		h, err := a.ownHub()
		if err != nil {
			return nil, err
		}
		return h.Connect(ctx)
	}
	o.Open = func(ctx context.Context, r mux.Request) (*mux.Call, error) {
		h, err := a.ownHub()
		if err != nil {
			return nil, err
		}
		return h.Attach(ctx, r)
	}
	return o
}

// ownHub gives the hub that runs within this process. Nobody replaces it, so it stays where it began, whatever becomes the kubeconfig's current context meanwhile.
func (a *app) ownHub() (*hub.Hub, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.own != nil {
		return a.own, nil
	}
	b, err := a.openBackend(true)
	if err != nil {
		return nil, err
	}
	a.own = hub.New(b.Backend, hub.Options{Token: b.mint})
	a.endBackend = b.end
	return a.own, nil
}

// backend is a hub's backend and what its sessions need.
type backend struct {
	hub.Backend
	// mint makes a token for the session with that audience.
	mint func(audience string) (string, error)
	// end lets go of what the backend holds in this process.
	end func()
}

// openBackend makes the backend of the target, a pinned one for a hub that nobody replaces.
func (a *app) openBackend(pinned bool) (*backend, error) {
	if a.target.Backend == target.Kube {
		if err := kube.QuickPings(); err != nil {
			return nil, err
		}
		b, err := kube.New(kube.Config{Target: a.target, Pinned: pinned})
		if err != nil {
			return nil, err
		}
		return &backend{b, b.Token, b.Close}, nil
	}
	dirs, err := paths.Open()
	if err != nil {
		return nil, err
	}
	signer, err := token.Open(dirs.Keys())
	if err != nil {
		return nil, err
	}
	b, err := local.New(local.Config{Dirs: dirs, PublicKeys: signer.PublicKeys()})
	if err != nil {
		return nil, err
	}
	return &backend{b, func(audience string) (string, error) { return signer.Mint(audience, wire.RoleOperator) }, b.Close}, nil
}

// inProcess is the way to the hub within this process.
type inProcess struct {
	app  *app
	conn *mux.Conn
}

func (l *inProcess) Call(ctx context.Context, r mux.Request, reply any, safe bool) error {
	return l.Do(ctx, string(r.Op), safe, func(ctx context.Context, c *mux.Conn) error { return c.Call(ctx, r, reply) })
}

func (l *inProcess) Do(ctx context.Context, what string, _ bool, f func(context.Context, *mux.Conn) error) error {
	conn, err := l.connect(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return f(ctx, conn)
}

func (l *inProcess) connect(ctx context.Context) (*mux.Conn, error) {
	h, err := l.app.ownHub()
	if err != nil {
		return nil, err
	}
	l.app.mu.Lock()
	defer l.app.mu.Unlock()
	if l.conn == nil {
		l.conn, err = h.Connect(ctx)
	}
	return l.conn, err
}

func (l *inProcess) Close() {
	if l.conn != nil {
		_ = l.conn.Close(wire.CloseNormal, "") // its other end is in this process
	}
}

// noHub says whether err means that no hub runs.
func noHub(err error) bool { return errors.Is(err, connect.ErrNoHub) }
