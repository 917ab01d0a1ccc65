package session

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gascity/agentd/agentd/process"
	"github.com/gascity/agentd/agentd/tmux"
	"github.com/gascity/agentd/agentd/wire"
)

const (
	// processWait is how long an agent's process may take to appear, promptWait its prompt: gc's tmux backend grants so much.
	processWait = 10 * time.Second
	promptWait  = 10 * time.Second
	// latePrompt is how long a launch's nudge waits for a prompt that was not there in time.
	latePrompt = 10 * time.Minute
	// rootWait bounds the wait for a shell to find its command or not. It is only used up by a shell script that neither prints nor starts anything.
	rootWait = 250 * time.Millisecond
)

// errEnded is the cause of a launch's failure when its agent has ended.
var errEnded = errors.New("the agent has ended")

// settle waits until the agent is ready, and does what is to be done then.
func (a *agent) settle(ctx context.Context, p plan, report *steps) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-a.gone:
			cancel(errEnded)
		case <-a.session.over:
			cancel(errLeaving)
		case <-stop:
		}
	}()
	defer func() { close(stop); <-watched }()
	if err := a.becomeReady(ctx, p, report); err != nil {
		return err
	}
	if pids, err := process.Tree(a.rootPID()); err == nil && len(pids) == 0 {
		<-ctx.Done() // it has ended, and the supervisor is about to say how
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (a *agent) becomeReady(ctx context.Context, p plan, report *steps) error {
	if err := a.waitRoot(ctx); err != nil {
		return err
	}
	if len(p.ProcessNames) > 0 {
		report.step("waiting for the agent's process")
		if err := a.waitProcess(ctx, p.ProcessNames, report); err != nil {
			return err
		}
	}
	prompted := true
	switch {
	case p.ReadyPromptPrefix != "":
		report.step("waiting for the prompt")
		wait := promptWait
		if d := time.Duration(p.ReadyDelayMS) * time.Millisecond; d > wait {
			wait = d
		}
		var err error
		if prompted, err = a.waitPrompt(ctx, p.ReadyPromptPrefix, wait); err != nil {
			return err
		}
		if !prompted {
			report.warn("no line began with the prompt %q within %v", p.ReadyPromptPrefix, wait)
		}
	case p.ReadyDelayMS > 0:
		report.step("waiting for the ready delay")
		if err := sleep(ctx, time.Duration(p.ReadyDelayMS)*time.Millisecond); err != nil {
			return err
		}
	}
	if err := p.setUp(ctx, a.setupEnv(), report); err != nil {
		return err
	}
	return a.firstNudge(ctx, p, prompted, report)
}

// firstNudge types the launch's nudge. When the prompt was not there in time it is left to be typed once that shows.
func (a *agent) firstNudge(ctx context.Context, p plan, prompted bool, report *steps) error {
	switch {
	case p.Nudge == "":
		return nil
	case !prompted:
		a.late <- lateNudge{prefix: p.ReadyPromptPrefix, text: p.Nudge}
		return nil
	}
	report.step("typing the nudge")
	if err := a.queue.Nudge(ctx, "", []byte(p.Nudge)); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		report.warn("the nudge was not delivered: %v", err)
	}
	return nil
}

// lateNudge is a launch's nudge that waits for the prompt after the launch.
type lateNudge struct{ prefix, text string }

// deliverLate types a late nudge, if the launch left one.
func (a *agent) deliverLate(ctx context.Context) {
	var n lateNudge
	select {
	case n = <-a.late:
	case <-ctx.Done():
		return
	}
	shown, err := a.waitPrompt(ctx, n.prefix, latePrompt)
	if err == nil && !shown {
		err = fmt.Errorf("no line began with %q within %v", n.prefix, latePrompt)
	}
	if err == nil {
		err = a.queue.Nudge(ctx, "", []byte(n.text))
	}
	if err != nil && ctx.Err() == nil {
		a.session.log.Error("the launch's nudge was not delivered", "error", err)
	}
}

// waitRoot waits until the pane's shell has found its command, so that one that doesn't exist fails the launch and not what comes after it. There is
// nothing to wait for but the kernel's word on what became of the shell; it takes some milliseconds.
func (a *agent) waitRoot(ctx context.Context) error {
	deadline := time.Now().Add(rootWait)
	for time.Now().Before(deadline) {
		if settled(a.rootPID(), a.out.until().Seq > 0) {
			return nil
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// waitProcess waits until a process of one of the names runs. No event tells of that, so it looks, ever more seldom.
func (a *agent) waitProcess(ctx context.Context, names []string, report *steps) error {
	deadline := time.Now().Add(processWait)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		alive, err := process.Alive(a.rootPID(), names)
		if err != nil {
			report.warn("can't see the agent's processes: %v", err)
			return nil
		}
		if alive {
			return nil
		}
		if !time.Now().Before(deadline) {
			report.warn("no process %s appeared within %v", strings.Join(names, ", "), processWait)
			return nil
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// waitPrompt waits until a visible line begins with prefix. It reports false when none did in time.
func (a *agent) waitPrompt(ctx context.Context, prefix string, limit time.Duration) (bool, error) {
	prefix = strings.TrimSpace(prefix)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		out := a.out.until()
		replies, err := a.ask(ctx, capture(a.paneID()))
		if err != nil {
			return false, errors.Join(context.Cause(ctx), err)
		}
		for line := range strings.Lines(string(replies[0])) {
			if strings.HasPrefix(strings.TrimSpace(line), prefix) {
				return true, nil
			}
		}
		select {
		case <-out.Next:
		case <-timer.C:
			return false, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
		// A program that prints all the time is looked at now and then.
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return false, err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// setupEnv lets tmux commands in the launch's shell commands find the session.
func (a *agent) setupEnv() []string {
	socket := tmux.SocketPath(a.tmux.Dir)
	env := []string{"TMUX=" + socket + "," + strconv.Itoa(a.server) + "," + strings.TrimPrefix(a.target, "$"), "TMUX_PANE=" + a.paneID()}
	if a.tmux.Dir != "" {
		env = append(env, "TMUX_TMPDIR="+a.tmux.Dir)
	}
	return env
}

// fail ends the agent of a launch that failed, and says why it did.
func (a *agent) fail(ctx context.Context, command string, cause error) error {
	s := a.session
	select {
	case <-s.over:
		select {
		case <-a.gone:
		default:
			return cause // we are leaving: the agent is for the next process to adopt
		}
	case <-a.gone:
	default:
		a.mu.Lock()
		a.abort = cause
		a.mu.Unlock()
		s.hurry(time.Now())
		select {
		case <-s.over:
		case <-a.gone:
		}
	}
	if !errors.Is(cause, errEnded) {
		if errors.Is(cause, context.Canceled) {
			return fmt.Errorf("launch: %w", cause)
		}
		return cause
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	text := fmt.Sprintf("agent exited with status %d during start", a.exit.Status)
	if a.exit.Reason == "stopped" {
		return wire.Errorf(wire.CodeCanceled, "the session was stopped during start")
	}
	if a.exit.Reason != "" {
		text += ", " + a.exit.Reason
	}
	if len(a.last) > 0 {
		text += ": " + strings.Join(a.last, " | ")
	}
	if a.exit.Status == statusNotFound && !strings.Contains(text, "not found") {
		text += fmt.Sprintf(": the shell found no such command: %q", command)
	}
	return wire.Errorf(wire.CodeFailed, "%s", text)
}

// statusNotFound is how a shell says that it found no command of the name (POSIX, 2.8.2). What it prints about that gets lost at times, whole or in part: tmux closes the
// terminal of a process that ends while it is still busy with making the terminal, whatever there is to be read from it.
const statusNotFound = 127

// ProcessAlive tells whether a process of one of the names runs in the session: exactly its comm, or the base name of its argv[0]. It is false
// once the session is to stop.
func (s *Session) ProcessAlive(_ context.Context, names []string) (bool, error) {
	a, err := s.live()
	if err != nil || s.Status().Stopping {
		return false, nil
	}
	return process.Alive(a.rootPID(), names)
}
