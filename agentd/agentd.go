// Package agentd is the half that lives where the agent does. Serve is its life, from top to bottom; the packages below it do the work.
//
// Serve is one of two processes: package pid1 is the other, which outlives it and starts it again when it crashes.
package agentd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/auth"
	"github.com/gascity/agentd/agentd/credentials"
	"github.com/gascity/agentd/agentd/health"
	"github.com/gascity/agentd/agentd/pid1"
	"github.com/gascity/agentd/agentd/server"
	"github.com/gascity/agentd/agentd/session"
	"github.com/gascity/agentd/agentd/tmux"
	"github.com/gascity/agentd/agentd/wire"
)

// Config says what to serve, to whom, and where.
type Config struct {
	// Parent is init; its zero value means that there is none.
	Parent *pid1.Parent
	// Listen is where the websocket is served, unix:PATH or tcp:HOST:PORT, unless init brings a listener.
	Listen string
	// Health is where probes and metrics are served, unix:PATH or HOST:PORT; "" means nowhere.
	Health string
	// Audience is what tokens must be for, PublicKeys the file of keys that they may be signed with.
	Audience   string
	PublicKeys string
	// RunDir holds what a restart of the machine may lose, StateDir what outlives the agent.
	RunDir   string
	StateDir string
	// TmuxDir is the TMUX_TMPDIR of the session's tmux server; "" means tmux's own.
	TmuxDir string
	// TerminationLog is the file for the agent's last screen; "" means none. TerminationMeta: its last metadata, too.
	TerminationLog  string
	TerminationMeta bool
	// Output is the file for the agent's output as text lines; "" means Stdout.
	Output string
	Stdout io.Writer
	// Grace is how long the agent may take to end when told to.
	Grace time.Duration
	// LaunchWithin is how long agentd stays with no client and no agent; 0 means for ever.
	LaunchWithin time.Duration
	// ClaudeCredentials and GitCredentials are folders of secrets for the agent, which may be missing; "" means none.
	ClaudeCredentials string
	GitCredentials    string
	// HomeFallback is the agent's HOME when this process's own is of no use; "" means that there is no other.
	HomeFallback string
	Log          *slog.Logger
}

// Serve runs until the session has ended, and gives the status to exit with. When init or ctx ends first, it leaves the session alone, for another
// process to adopt, and says why.
func Serve(ctx context.Context, c Config) (status int, err error) {
	// All that can be wrong with the configuration shows before anything runs.
	p, err := open(c)
	if err != nil {
		return 1, c.giveUp(err)
	}
	defer p.close()

	// Whatever ends this process early ends ctx, which makes the session let go of tmux without touching it.
	ctx, leave := context.WithCancelCause(ctx)
	var owned sync.WaitGroup
	defer owned.Wait()
	defer leave(nil)
	owned.Go(func() { leaveWithInit(ctx, c.Parent, leave) })

	// The session adopts a tmux that runs already. Only then callers are let in, and probes are answered: nobody may hear that nothing
	// runs here from one who hasn't looked yet. Connections made meanwhile wait in the listener.
	ended := make(chan result, 1)
	owned.Go(func() {
		exit, err := p.session.Run(ctx)
		ended <- result{exit, err}
	})
	<-p.session.Settled()
	owned.Go(func() { rest(ctx, p.session.Changed, c.trim) })
	owned.Go(func() { stopOnSignal(ctx, c, p.session, leave) })
	if c.LaunchWithin > 0 {
		owned.Go(func() { endUnlaunched(ctx, c, p.session, p.server) })
	}
	owned.Go(func() { leaveOn(p.server.Serve(p.listener), leave) })
	if p.probes != nil {
		owned.Go(func() { leaveOn(p.health.Serve(p.probes), leave) })
	}
	c.Log.Info("serving", "state", p.session.Status().State, "listen", p.listener.Addr().String(), "version", wire.BuildVersion())

	// The session ends, or this process has to leave. Callers get the last answers and hear why.
	r := <-ended
	p.server.Shutdown(r.closeCode())
	if p.health != nil {
		_ = p.health.Close() // nothing is left to lose
	}
	if cause := context.Cause(ctx); r.err != nil && cause != nil {
		c.Log.Warn("leaving the session", "reason", cause)
		return 1, fmt.Errorf("left the session to another process: %w", cause)
	}
	if r.err != nil {
		return 1, fmt.Errorf("supervise the session: %w", r.err)
	}
	c.Log.Info("session ended", "status", r.exit.Status, "signal", r.exit.Signal, "reason", r.exit.Reason)
	return r.exit.Status, c.Parent.Report(r.exit.Status)
}

// trim gives memory back that was only needed for work that is done.
func (c Config) trim() {
	if err := pid1.Trim(); err != nil {
		c.Log.Debug("memory is kept", "error", err)
	}
}

// result is how the session's run ended.
type result struct {
	exit wire.Exit
	err  error
}

// closeCode tells callers whether coming back makes sense.
func (r result) closeCode() (code int, text string) {
	if r.err != nil {
		return wire.CloseShutdown, "agentd leaves, the session goes on"
	}
	return wire.CloseExited, fmt.Sprintf("the session ended with status %d", r.exit.Status)
}

// giveUp tells init that trying again is pointless, unless an agent may be running: then trying again is all that can be done for it.
func (c Config) giveUp(err error) error {
	if _, missing := os.Stat(tmux.SocketPath(c.TmuxDir)); missing == nil {
		return err
	}
	return errors.Join(err, c.Parent.Report(1))
}

// parts are what serve is made of.
type parts struct {
	verifier *auth.Verifier
	session  *session.Session
	listener net.Listener
	server   *server.Server
	probes   net.Listener
	health   *health.Server
	opened   []func() error
}

func open(c Config) (p *parts, err error) {
	p = &parts{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	for _, dir := range []string{c.RunDir, c.StateDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return p, fmt.Errorf("make agentd's folder: %w", err)
		}
	}
	if p.verifier, err = auth.New(auth.Config{Audience: c.Audience, PublicKeys: c.PublicKeys, Dir: c.RunDir, Logger: c.Log}); err != nil {
		return p, err
	}
	p.opened = append(p.opened, p.verifier.Close)
	output, logged := c.Stdout, []string(nil)
	if c.Output != "" {
		f, err := openOutputFile(c.Output, maxOutputFile)
		if err != nil {
			return p, err
		}
		p.opened = append(p.opened, f.Close)
		if logged, err = f.lastLines(); err != nil {
			return p, err
		}
		output = f
	}
	if p.listener, err = c.listen(p); err != nil {
		return p, err
	}
	home, err := usableHome(os.Getenv("HOME"), c.HomeFallback)
	if err != nil {
		return p, err
	}
	p.session = session.New(session.Config{
		RunDir: c.RunDir, Home: home, Credentials: c.credentials(), StateDir: c.StateDir, TmuxDir: c.TmuxDir,
		TerminationLog: c.TerminationLog, TerminationMeta: c.TerminationMeta, Grace: c.Grace, Log: c.Log, Output: output, Logged: logged,
	})
	metrics := health.NewMetrics(p.session, func() health.Counters { return counters(p.session.Counters(), c.Parent.Restarts()) })
	if c.Health != "" {
		if p.probes, err = health.Listen(c.Health); err != nil {
			return p, err
		}
		p.opened = append(p.opened, p.probes.Close)
		p.health = health.New(health.Config{Session: p.session, Alive: p.session.Alive, Metrics: metrics, Log: c.Log})
	}
	p.server = server.New(server.Config{Session: p.session, Verifier: p.verifier, Observer: metrics, Log: c.Log})
	return p, nil
}

func (c Config) credentials() *credentials.Source {
	return &credentials.Source{Claude: c.ClaudeCredentials, Git: c.GitCredentials, StateDir: c.StateDir, Log: c.Log}
}

func counters(n session.Counters, restarts uint64) health.Counters {
	return health.Counters{
		Prints: n.Prints, Reconnects: n.Reconnects, Nudges: n.Nudges, NudgesFailed: n.NudgesFailed, NudgesWaiting: n.NudgesWaiting,
		Adopted: n.Adopted, Restarts: restarts,
	}
}

// listen takes over init's listener or opens one.
func (c Config) listen(p *parts) (net.Listener, error) {
	l, err := c.Parent.Listener()
	if l != nil || err != nil {
		return l, err
	}
	socket, err := pid1.Listen(c.Listen)
	if err != nil {
		return nil, err
	}
	p.opened = append(p.opened, socket.Close)
	if l, err = net.FileListener(socket.File()); err != nil {
		return nil, fmt.Errorf("listen on %q: %w", c.Listen, err)
	}
	return l, nil
}

// close releases what open opened; some of it is closed already.
func (p *parts) close() {
	for _, f := range p.opened {
		_ = f()
	}
	if p.listener != nil {
		_ = p.listener.Close()
	}
}

// leaveWithInit leaves when init is gone. Whoever starts the next one finds the session as it is.
func leaveWithInit(ctx context.Context, parent *pid1.Parent, leave context.CancelCauseFunc) {
	select {
	case <-parent.Gone():
		leave(errors.New("init is gone"))
	case <-ctx.Done():
	}
}

// leaveOn leaves when a server fails: a new process may do better, and the agent doesn't notice.
func leaveOn(err error, leave context.CancelCauseFunc) {
	if err != nil {
		leave(err)
	}
}
