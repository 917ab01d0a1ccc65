package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

const (
	// maxName bounds a session's name, in bytes.
	maxName = 1 << 10
	// maxTries bounds how often another process may be faster at making the session that this one finds missing.
	maxTries = 10
	// makingRetry is how often a session that another process is starting is looked at again.
	makingRetry = 50 * time.Millisecond
)

// start answers OpStart.
func (h *Hub) start(ctx context.Context, x *mux.Exchange) (any, error) {
	var q wire.Start
	if err := x.Decode(&q); err != nil {
		return nil, err
	}
	if err := checkName(x.Session); err != nil {
		return nil, err
	}
	f := &starting{hub: h, name: x.Session, key: x.Key, start: &q, up: make(chan struct{}), push: func(p wire.Progress) {
		_ = x.Push(p) // a caller that has gone ends ctx
	}}
	status, err := f.run(ctx)
	if err != nil {
		h.log.Warn("start failed", "session", x.Session, "error", err)
		return nil, err
	}
	return wire.Launched{Status: status}, nil
}

func checkName(name string) error {
	if name == "" {
		return wire.Errorf(wire.CodeBadRequest, "a session needs a name")
	}
	if len(name) > maxName || strings.ContainsRune(name, 0) {
		return wire.Errorf(wire.CodeBadRequest, "session name of %d bytes: at most %d, none of them NUL", len(name), maxName)
	}
	return nil
}

// starting is one start under way.
type starting struct {
	hub   *Hub
	name  string
	key   string
	start *wire.Start
	push  func(wire.Progress)
	// orders is what agentd is told, made once there is room for the session.
	orders *wire.Launch
	// packed are the files to send, nil if there are none.
	packed *packed
	// up is closed once agentd may be expected to answer.
	up    chan struct{}
	owned sync.WaitGroup
}

// run is the start flow, the same for every backend. What it made is gone again when it fails.
func (f *starting) run(ctx context.Context) (wire.Status, error) {
	defer f.endPacking()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer f.hub.announce(f, cancel)()
	unlock, err := f.hub.names.lock(ctx, f.name)
	if err != nil {
		return wire.Status{}, err
	}
	defer unlock()
	s, made, err := f.create(ctx)
	if made != nil || err != nil {
		if made == nil {
			made = &wire.Status{}
		}
		return *made, err
	}
	status, err := f.bringUp(ctx, s)
	if err != nil {
		err = f.explain(ctx, s, err)
		f.hub.undo(s)
	}
	return status, err
}

// create makes room for the session, and the session. Should the same start have made it before, the session's status is the answer.
func (f *starting) create(ctx context.Context) (*session, *wire.Status, error) {
	for try := 1; ; try++ {
		if made, err := f.clearWay(ctx); made != nil || err != nil {
			return nil, made, err
		}
		if f.orders == nil {
			orders, err := f.launch()
			if err != nil {
				return nil, nil, err
			}
			f.orders = orders
			if err := f.pack(ctx); err != nil {
				return nil, nil, err
			}
		}
		f.push(wire.Progress{Step: "creating the session"})
		ep, err := f.hub.backend.Create(ctx, Spec{
			Name: f.name, City: f.city(), Key: f.key, WorkDir: f.orders.WorkDir, Command: f.orders.Command, Env: f.start.Env, BaseEnv: f.start.BaseEnv,
		})
		if err == nil {
			return f.hub.adopt(ep), nil, nil
		}
		if wire.CodeOf(err) != wire.CodeState || try == maxTries {
			return nil, nil, fmt.Errorf("create session %q: %w", f.name, err)
		}
		// Another process was faster. What it made is a duplicate, or a leftover.
	}
}

// announce lets a stop find the start, also while it waits for its turn: it would come first. The returned function takes it back.
func (h *Hub) announce(f *starting, cancel context.CancelCauseFunc) func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.starting[f] = cancel
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.starting, f)
	}
}

// cancelStarts ends the starts of that name, and says whether there are any.
func (h *Hub) cancelStarts(name string) (found bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for f, cancel := range h.starting {
		if f.name == name {
			cancel(errStopped)
			found = true
		}
	}
	return found
}

// clearWay makes room for the new session. A live one is an error, unless the same start (by its key) made it: then its status is the answer. What
// is dead or half-made is removed.
func (f *starting) clearWay(ctx context.Context) (*wire.Status, error) {
	for {
		s, err := f.hub.lookup(ctx, f.name)
		if s == nil || err != nil {
			return nil, err
		}
		// Before its status: one that another process has just finished making must not look as if nobody made it, and nothing ran.
		condition, err := s.ep.Inspect(ctx)
		if err != nil {
			return nil, err
		}
		if _, told := s.told(); condition == Making && !told {
			if err := sleep(ctx, makingRetry); err != nil {
				return nil, err
			}
			continue
		}
		if condition == Foreign {
			s.conclude(ctx, condition) // it may have come up since
		}
		status, err := s.confirm(ctx)
		if wire.CodeOf(err) == wire.CodeNoSession {
			continue // it turned out to be gone
		}
		if err != nil {
			return nil, err
		}
		same := f.key != "" && s.record.Key == f.key
		live := status.State == wire.StateRunning && !status.Stopping && condition != HalfMade && condition != Gone
		switch {
		case condition == Making && (same || !live):
			if err := sleep(ctx, makingRetry); err != nil {
				return nil, err
			}
		case live && same:
			return &status, nil
		case live:
			return nil, wire.Errorf(wire.CodeExists, "session %q already exists", f.name)
		default:
			if condition == Foreign {
				f.push(wire.Progress{Warning: "replacing what does not run: " + s.ep.Why(ctx)})
			}
			f.hub.log.Info("replacing what is left of a session", "session", f.name, "state", status.State, "condition", condition)
			if err := f.hub.discard(ctx, s, false); err != nil {
				return nil, fmt.Errorf("remove what is left of session %q: %w", f.name, err)
			}
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// bringUp fills a new session, unless it turns out that its agentd never comes up.
func (f *starting) bringUp(ctx context.Context, s *session) (wire.Status, error) {
	var once sync.Once
	watched, unwatch := watchDoom(ctx, s.ep, func(step string) {
		if step == "" {
			once.Do(func() { close(f.up) })
			step = "waiting for agentd"
		}
		f.push(wire.Progress{Step: step})
	})
	defer unwatch()
	status, err := f.fill(watched, s)
	if mux.Lost(err) {
		s.awaitFate(watched)
	}
	if cause := context.Cause(watched); err != nil && cause != nil {
		err = cause
	}
	return status, err
}

// fateTime is how long it may take until a backend hears that a place has ended, and why: a kubelet reports it within a second or two, and the link was lost then.
const fateTime = 4 * time.Second

// awaitFate waits until watched ends as it is known what became of a session whose link was lost, unless it seems to live on for fateTime.
func (s *session) awaitFate(watched context.Context) {
	if condition, err := s.ep.Inspect(watched); err == nil && condition == Reachable {
		_ = sleep(watched, fateTime) // the cause is for who asks watched
	}
}

// reach gives the link to a new session's agentd: as long as it takes until that may be expected to answer, for an image may have to be pulled, and within the hub's
// patience then. After that the last reason against it is the error.
func (f *starting) reach(ctx context.Context, s *session) (*mux.Conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-f.up:
		case <-ctx.Done():
			return
		}
		if sleep(ctx, patience) == nil {
			cancel(s.unreached())
		}
	})
	defer waiting.Wait()
	defer cancel(nil)
	return s.connected(ctx)
}

// unreached says why no link was made. What was refused as not allowed will be again.
func (s *session) unreached() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	code := wire.CodeUnavailable
	if is := wire.CodeOf(s.lost); is == wire.CodeFailed || is == wire.CodeForbidden {
		code = wire.CodeFailed
	}
	return wire.Errorf(code, "session %q can't be reached, though its agentd should run: %v", s.name, s.lost)
}

// fill gives agentd its files, then the launch.
func (f *starting) fill(ctx context.Context, s *session) (wire.Status, error) {
	f.push(wire.Progress{Step: "waiting for agentd"})
	conn, err := f.reach(ctx, s)
	if err != nil {
		return wire.Status{}, err
	}
	if err := f.stage(ctx, conn); err != nil {
		return wire.Status{}, err
	}
	call, err := conn.Open(ctx, mux.Request{Op: wire.OpLaunch, Key: f.key, Body: f.orders})
	if err != nil {
		return wire.Status{}, err
	}
	defer call.Cancel()
	f.relay(call)
	var launched wire.Launched
	if err := call.Result(&launched); err != nil {
		return wire.Status{}, err
	}
	if err := context.Cause(ctx); err != nil {
		return wire.Status{}, err
	}
	s.awaitLaunched(ctx, conn)
	return launched.Status, s.ep.Launched(ctx)
}

// watchDoom gives a context that ends, with the reason as its cause, once it is known that agentd can't be reached, or not any more. The returned
// function ends the watch.
func watchDoom(ctx context.Context, ep Endpoint, tell func(step string)) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		if err := ep.Doomed(ctx, tell); err != nil {
			cancel(err)
		}
	})
	return ctx, func() {
		cancel(nil)
		watching.Wait()
	}
}

// awaitLaunched waits until what agentd pushed says what its answer to the launch said, so that nobody is told of the state before. It pushes before it answers, so
// this takes no time.
func (s *session) awaitLaunched(ctx context.Context, conn *mux.Conn) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	for {
		s.mu.Lock()
		told := s.conn != conn || s.seen && s.status.State != wire.StateWaiting && s.status.State != wire.StateStaging
		changed := s.waiter()
		s.mu.Unlock()
		if told {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// relay passes on what agentd tells of the launch.
func (f *starting) relay(call *mux.Call) {
	for {
		push, err := call.NextPush()
		if err != nil {
			return
		}
		var p wire.Progress
		if json.Unmarshal(push, &p) == nil {
			f.push(p)
		}
	}
}

// explain makes of an error what helps the caller: why it was cancelled, or why agentd is gone.
func (f *starting) explain(ctx context.Context, s *session, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("start session %q: %w", f.name, cause)
	}
	lost := mux.Lost(err)
	if wire.CodeOf(err) != wire.CodeNoSession && !lost {
		return err
	}
	// agentd ends a launch whose caller is gone, so this one is lost. Another may succeed.
	if condition, looked := s.ep.Inspect(ctx); lost && looked == nil && condition == Reachable {
		return wire.Errorf(wire.CodeUnavailable, "start session %q: the connection to its agentd was lost: %v", f.name, err)
	}
	if why := s.ep.Why(ctx); why != "" {
		return wire.Errorf(wire.CodeFailed, "start session %q: agentd: %s", f.name, why)
	}
	return wire.Errorf(wire.CodeFailed, "start session %q: agentd has gone: %v", f.name, err)
}
