package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/activity"
	"github.com/gascity/agentd/agentd/terminal"
	"github.com/gascity/agentd/agentd/tmux"
	"github.com/gascity/agentd/agentd/wire"
)

// The size of a window that nobody has attached to yet.
const (
	defaultColumns = 200
	defaultRows    = 50
)

// launching is a launch under way, or its outcome.
type launching struct {
	key    string
	cancel context.CancelFunc
	done   chan struct{}
	status wire.Status
	err    error
	// adopted: the launch was an earlier process's, and what became of it is seen in the status.
	adopted bool
}

// plan is a launch request with everything filled in.
type plan struct {
	wire.Launch
	command       string
	workDir       string
	env           map[string]string // the session's environment: what the launch brought
	process       []string          // the environment of the agent's processes
	columns, rows int
}

// Launch starts the agent and returns once it is ready, as far as the request says how to tell. A repeat with the same key that is not empty gets the outcome of
// the first. The end of ctx before that ends the launch, and with it the session.
func (s *Session) Launch(ctx context.Context, key string, l wire.Launch, progress func(wire.Progress)) (wire.Status, error) {
	select {
	case <-s.adopted:
	case <-s.over:
		return wire.Status{}, errNoSession
	case <-ctx.Done():
		return wire.Status{}, fmt.Errorf("launch: %w", ctx.Err())
	}
	asked := ctx
	current, ctx, err := s.beginLaunch(ctx, key)
	if err != nil {
		return wire.Status{}, err
	}
	if ctx == nil {
		if current.adopted {
			return s.Status(), nil
		}
		return current.repeat(asked)
	}
	defer current.cancel()
	if progress == nil {
		progress = func(wire.Progress) {}
	}
	defer close(current.done)
	current.err = s.carryOut(ctx, key, l, &steps{push: progress, log: s.log})
	current.status = s.Status()
	return current.status, current.err
}

// repeat gives the outcome to another who asked for the same launch.
func (l *launching) repeat(ctx context.Context) (wire.Status, error) {
	select {
	case <-l.done:
		return l.status, l.err
	case <-ctx.Done():
		return wire.Status{}, fmt.Errorf("launch: %w", ctx.Err())
	}
}

// beginLaunch makes this launch the session's one, or finds that it is. The context is nil for a repeat.
func (s *Session) beginLaunch(ctx context.Context, key string) (*launching, context.Context, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.launch != nil && s.launch.key == key && key != "":
		return s.launch, nil, nil
	case s.ended || !s.deadline.IsZero():
		return nil, nil, errNoSession
	case s.launch != nil:
		return nil, nil, wire.Errorf(wire.CodeState, "an agent was launched already")
	}
	ctx, cancel := context.WithCancel(ctx)
	s.launch = &launching{key: key, cancel: cancel, done: make(chan struct{})}
	return s.launch, ctx, nil
}

// cancelLaunch ends a launch under way; nil means that there is none.
func (s *Session) cancelLaunch() *launching {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.launch == nil {
		return nil
	}
	s.launch.cancel()
	return s.launch
}

// carryOut is a launch from its request to the running agent.
func (s *Session) carryOut(ctx context.Context, key string, l wire.Launch, report *steps) error {
	a, p, err := s.start(ctx, key, l, report)
	if err != nil {
		s.giveUp(err)
		return err
	}
	if err := a.settle(ctx, p, report); err != nil {
		return a.fail(ctx, p.command, err)
	}
	return nil
}

// giveUp tells Run that there will be no agent.
func (s *Session) giveUp(err error) {
	select {
	case s.failed <- fmt.Errorf("launch failed: %w", err):
		<-s.over
	case <-s.over:
	}
}

// Abandon ends a session that has no agent, with status 1 and the reason given. It is false when there is a launch, or the session has ended.
func (s *Session) Abandon(reason string) bool {
	s.mu.Lock()
	if s.launch != nil || s.ended {
		s.mu.Unlock()
		return false
	}
	s.ended = true // no launch begins any more
	s.mu.Unlock()
	select {
	case s.failed <- errors.New(reason):
		return true
	case <-s.over:
		return false
	}
}

// start gets the agent going in its tmux, and hands it to Run.
func (s *Session) start(ctx context.Context, key string, l wire.Launch, report *steps) (*agent, plan, error) {
	p, err := s.newPlan(l)
	if err != nil {
		return nil, p, err
	}
	if err := s.Stage(p.workDir); err != nil {
		return nil, p, err
	}
	if err := s.giveCredentials(&p); err != nil {
		report.warn("%v", err)
	}
	if p.MakeWorkDir {
		_ = p.needWorkDir() // what is in its way pre_start may yet remove
	}
	if err := p.preStart(ctx, report); err != nil {
		return nil, p, err
	}
	if err := p.needWorkDir(); err != nil {
		return nil, p, err
	}
	report.step("starting the agent")
	a, err := s.startTmux(ctx, key, p)
	if err != nil {
		return nil, p, err
	}
	select {
	case s.starts <- a:
		<-a.running // from here on everybody sees it run
		return a, p, nil
	case <-s.over: // left meanwhile: the agent is for the next process to adopt
		_ = a.connection().Close()
		return nil, p, errLeaving
	}
}

func (s *Session) newPlan(l wire.Launch) (plan, error) {
	p := plan{Launch: l, command: l.Command, workDir: l.WorkDir, env: l.Env, columns: l.Columns, rows: l.Rows}
	if p.columns <= 0 {
		p.columns = defaultColumns
	}
	if p.rows <= 0 {
		p.rows = defaultRows
	}
	for name, value := range l.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
			return p, wire.Errorf(wire.CodeBadRequest, "env variable %q can't be given to a process", name)
		}
	}
	if strings.Contains(l.Command, "\x00") {
		return p, wire.Errorf(wire.CodeBadRequest, "the command holds a zero byte")
	}
	p.process = s.processEnv(l)
	if p.workDir == "" {
		p.workDir = cmp.Or(p.variable("HOME"), "/")
	}
	return p, nil
}

// processEnv gives the environment of the agent's processes.
func (s *Session) processEnv(l wire.Launch) []string {
	env := map[string]string{}
	if l.BaseEnv != nil {
		maps.Copy(env, l.BaseEnv)
	} else {
		for _, kv := range os.Environ() {
			if name, value, _ := strings.Cut(kv, "="); !strings.HasPrefix(name, ownPrefix) {
				env[name] = value
			}
		}
		if s.cfg.Home != "" {
			env["HOME"] = s.cfg.Home
		}
	}
	for _, name := range append([]string{"TMUX", "TMUX_PANE"}, l.Unset...) {
		delete(env, name)
	}
	maps.Copy(env, l.Env)
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// ownPrefix begins the names of agentd's own variables, which are no business of the agent's.
const ownPrefix = "AGENTD_"

// variable gives a variable of the agent's processes, "" if there is none.
func (p *plan) variable(name string) string {
	for _, kv := range p.process {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// startTmux starts the tmux server with the agent in it.
func (s *Session) startTmux(ctx context.Context, key string, p plan) (*agent, error) {
	a := s.newAgent()
	a.tmux.Env = p.process
	started := time.Now()
	a.marks = marks{started: started, activity: started, key: key, workDir: p.workDir, launchEnv: fingerprints(p.env)}
	a.tracker = activity.New(started, "")
	a.queue = a.newQueue(false)
	config, err := configuration(p, a.marks, terminalType())
	if errors.Is(err, tmux.ErrNUL) {
		return nil, wire.Errorf(wire.CodeBadRequest, "the launch holds a zero byte")
	}
	if err != nil {
		return nil, err
	}
	if tmux.Answers(s.cfg.TmuxDir) {
		return nil, wire.Errorf(wire.CodeFailed, "a tmux server that is not agentd's runs on %s", tmux.SocketPath(s.cfg.TmuxDir))
	}
	if err := s.nameSockets(&p); err != nil {
		s.log.Error("gc won't find the session under its own socket's name", "error", err)
	}
	c, err := tmux.Start(ctx, a.tmux, config, "="+sessionName)
	if err != nil {
		return nil, err
	}
	a.connect(c)
	if err := a.identify(ctx); err != nil {
		_, _ = c.Run(context.WithoutCancel(ctx), "kill-server")
		_ = c.Close()
		return nil, err
	}
	return a, nil
}

// terminalType is the TERM of programs within tmux.
func terminalType() string {
	const best, known = "tmux-256color", "screen-256color"
	if terminal.Type(best) == best {
		return best
	}
	return known
}

// steps tells of a launch's progress.
type steps struct {
	mu   sync.Mutex
	push func(wire.Progress)
	log  *slog.Logger
}

func (s *steps) step(name string) { s.send(wire.Progress{Step: name}) }

func (s *steps) warn(format string, args ...any) {
	w := fmt.Sprintf(format, args...)
	s.log.Warn("launch", "warning", w)
	s.send(wire.Progress{Warning: w})
}

func (s *steps) send(p wire.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.push(p)
}
