package session

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gascity/agentd/agentd/activity"
	"github.com/gascity/agentd/agentd/nudge"
	"github.com/gascity/agentd/agentd/tmux"
	"github.com/gascity/agentd/agentd/transcript"
	"github.com/gascity/agentd/agentd/wire"
)

// agent is the tmux session with the agent in it. Its first pane is the agent's; what the agent or a person opens beside it isn't looked at.
type agent struct {
	session *Session
	tmux    tmux.Options
	marks   marks
	target  string    // the tmux session's id, which no renaming changes
	pane    tmux.Pane // the agent's
	server  int       // process id of the tmux server

	tracker  *activity.Tracker
	recorder *transcript.Recorder
	queue    *nudge.Queue

	running chan struct{} // closed when the supervisor has taken it over
	kick    chan struct{} // something about the pane or the session may have changed
	out     output
	gone    chan struct{} // closed when the agent has ended
	late    chan lateNudge

	mirroring sync.Mutex
	noted     time.Time // the activity that tmux was told; mirroring's

	oomBefore uint64 // how many the kernel had killed for want of memory

	mu        sync.Mutex
	pid       int       // process id of the pane's process
	link      *link     // never nil once the agent runs
	terminals int       // attached by Attach
	onlookers int       // of these, the read-only ones
	abort     error     // why a failed launch ends the agent
	last      []string  // the last lines of the screen, once the agent has ended
	exit      wire.Exit // set before gone is closed
}

func (s *Session) newAgent() *agent {
	a := &agent{session: s, oomBefore: oomKills(), running: make(chan struct{}), kick: make(chan struct{}, 1), gone: make(chan struct{}), late: make(chan lateNudge, 1)}
	a.tmux = tmux.Options{Dir: s.cfg.TmuxDir, Events: a.event}
	a.recorder = s.transcript()
	a.out.wake = make(chan struct{}, 1)
	return a
}

// event takes what tmux tells. It runs on the connection's reader, so it only notes things.
func (a *agent) event(e tmux.Event) {
	switch e.Kind {
	case tmux.Output, tmux.Paused, tmux.Continued:
		if e.Pane == a.pane {
			a.printed(time.Now())
		}
	case tmux.LayoutChanged:
		// A resize. What it does to the screen is a repaint.
		a.tracker.Resized(time.Now())
		a.session.board.screenChanged()
		a.look()
	case tmux.SessionsChanged:
		a.look()
	}
}

// printed notes output of the agent's pane.
func (a *agent) printed(at time.Time) {
	a.tracker.Output(at)
	a.recorder.Output(at)
	a.out.add(at)
	a.session.counts.prints.Add(1)
	a.session.board.screenChanged()
}

// look has the supervisor look at the pane and the session.
func (a *agent) look() {
	select {
	case a.kick <- struct{}{}:
	default:
	}
}

// output counts what the pane printed, for those who wait for more.
type output struct {
	mu   sync.Mutex
	seq  uint64
	at   time.Time
	next chan struct{} // nil when nobody waits
	// wake holds one token for the screen's watcher. It gets one for the first output after it has begun to look: a flood wakes it no more often.
	wake chan struct{}
	seen atomic.Bool
}

func (o *output) add(at time.Time) {
	o.mu.Lock()
	o.seq++
	o.at = at
	if o.next != nil {
		close(o.next)
		o.next = nil
	}
	o.mu.Unlock()
	if o.seen.Swap(true) {
		return
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *output) until() nudge.Output {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.next == nil {
		o.next = make(chan struct{})
	}
	return nudge.Output{Seq: o.seq, At: o.at, Next: o.next}
}

// link is a connection to tmux, and the wait for the one that replaces it.
type link struct {
	*tmux.Control
	replaced chan struct{}
}

// connect makes c the connection that operations use.
func (a *agent) connect(c *tmux.Control) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.link != nil {
		close(a.link.replaced)
	}
	a.link = &link{Control: c, replaced: make(chan struct{})}
}

func (a *agent) connection() *link {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.link
}

// ready waits for a connection that works.
func (a *agent) ready(ctx context.Context) (*tmux.Control, error) {
	for {
		l := a.connection()
		select {
		case <-l.Done():
		default:
			return l.Control, nil
		}
		select {
		case <-l.replaced:
		case <-a.gone:
			return nil, errNoSession
		case <-a.session.over:
			select {
			case <-a.gone:
				return nil, errNoSession
			default:
				return nil, errLeaving
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// errLeaving is the answer of a process that leaves while its agent lives on.
var errLeaving = wire.Errorf(wire.CodeUnavailable, "agentd is leaving")

// ask runs commands that may be repeated: when the connection drops they are sent again on the next.
func (a *agent) ask(ctx context.Context, commands ...[]string) ([][]byte, error) {
	replies, err := a.askRaw(ctx, commands...)
	return replies, a.translate(err)
}

// askRaw is ask that gives a refusal as tmux put it.
func (a *agent) askRaw(ctx context.Context, commands ...[]string) ([][]byte, error) {
	for {
		c, err := a.ready(ctx)
		if err != nil {
			return nil, err
		}
		replies, err := c.Sequence(ctx, commands...)
		if lost := (*tmux.LostError)(nil); errors.As(err, &lost) {
			continue
		}
		return replies, err
	}
}

// tell runs commands that must not be repeated, as typing must not.
func (a *agent) tell(ctx context.Context, commands ...[]string) error {
	c, err := a.ready(ctx)
	if err != nil {
		return err
	}
	_, err = c.Sequence(ctx, commands...)
	if lost := (*tmux.LostError)(nil); errors.As(err, &lost) {
		select {
		case <-a.gone:
			return errNoSession
		default:
			return wire.Errorf(wire.CodeUnavailable, "tmux's connection dropped meanwhile: the command may or may not have been carried out")
		}
	}
	return a.translate(err)
}

// translate gives a refused command's error the code it has for callers: commands name nothing but the pane and the session.
func (a *agent) translate(err error) error {
	refused := (*tmux.CommandError)(nil)
	switch {
	case !errors.As(err, &refused):
		return err
	case strings.HasPrefix(refused.Text, "can't find"):
		return errNoSession // it was killed, and the supervisor is about to notice
	default:
		return wire.Errorf(wire.CodeFailed, "%v", err)
	}
}

// paneID is the agent's pane as a target.
func (a *agent) paneID() string { return a.pane.String() }

// rootPID is the process id of the pane's process.
func (a *agent) rootPID() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pid
}
