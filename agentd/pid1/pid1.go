// Package pid1 is `agentd init`: the process that must not die, and therefore does nearly nothing.
//
// It reaps orphans, forwards signals, and watches one child, `agentd serve`, which does all the rest. When serve crashes it is started
// again; tmux and the agent, adopted by init meanwhile, never notice. Since serve is another process, whatever it waits for with os/exec
// is its own child: init's reaping can't steal a status from it.
//
// Both sides are here: Run is init's, Inherited is serve's. Between them are two pipes and, if init was given one, the listening socket,
// which init keeps open so that connections made while serve is down wait for the next one.
package pid1

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"time"
)

// Config says what init watches.
type Config struct {
	// Child is serve's argv. The first is a path, looked up anew at each start, so a new build is picked up.
	Child []string
	// Listener, if any, is a listening socket that every serve in turn accepts from.
	Listener *os.File
	// Logger hears of what is out of the ordinary.
	Logger *slog.Logger

	// testOnlyNoSubreaper leaves orphans to others, which proves that tests of reaping can fail.
	testOnlyNoSubreaper bool
}

// settleTime is how long after serve's start init gives back the memory that the start took.
const settleTime = 2 * time.Second

// Run starts serve and stays until it is over. It gives the status to exit with: what serve reported; 128+n when signal n asked to stop
// and no serve was there to see to it; 1 with an error when serve can't be kept alive. By then no descendant is left.
//
// It reaps every child of the process, so nothing else in the process may start one. The end of ctx is like a SIGTERM.
func Run(ctx context.Context, c Config) (status int, err error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if !c.testOnlyNoSubreaper {
		if err := adoptOrphans(); err != nil {
			return 1, err
		}
	}
	p := &initProcess{Config: c}
	defer p.catch()()
	// What can't be started at all is a mistake in the command, which trying again won't mend.
	if err := p.start(); err != nil {
		return 1, err
	}
	defer p.endDescendants()
	return p.watch(ctx.Done())
}

// initProcess is init's state. One goroutine has it all: whatever starts or reaps a process happens there, so a pid that is known has
// not been reaped, and can't be another process's.
type initProcess struct {
	Config
	signals chan os.Signal // to forward
	ended   chan os.Signal // SIGCHLD: some child ended

	serve   *child // nil between a crash and the restart
	restart <-chan time.Time
	settled <-chan time.Time // a while after serve's start, when init has nothing more to do
	crashes crashes
	started uint64 // serves so far
	// stop is the signal that asked to stop, 0 if none did. A serve that is started afterwards is told once it is ready.
	stop syscall.Signal
	kept []syscall.Signal // for serve, once it is ready
}

// watch answers events until serve is over.
func (p *initProcess) watch(done <-chan struct{}) (status int, err error) {
	for {
		reports, overdue := p.serve.events()
		select {
		case r, ok := <-reports:
			p.serve.heard(r, ok)
			p.deliver()
		case <-p.ended:
			how, ended := p.reap()
			if !ended {
				continue
			}
			status, reported := p.serve.result()
			p.serve = nil
			if reported {
				return status, nil
			}
			if err := p.crashed(how); err != nil {
				return 1, err
			}
		case <-p.restart:
			p.restart = nil
			if err := p.start(); err != nil {
				if err := p.crashed(err.Error()); err != nil {
					return 1, err
				}
			}
		case <-p.settled:
			p.settled = nil
			if err := Trim(); err != nil {
				p.Logger.Debug("memory of the start is kept", "error", err)
			}
		case <-overdue:
			p.Logger.Warn("serve reported its end but did not leave: killing it", "pid", p.serve.pid)
			p.serve.signal(syscall.SIGKILL)
		case sig := <-p.signals:
			if p.forward(sig.(syscall.Signal)) {
				return 128 + int(p.stop), nil
			}
		case <-done:
			done = nil
			if p.forward(syscall.SIGTERM) {
				return 128 + int(p.stop), nil
			}
		}
	}
}

// reap collects every child that has ended. It tells whether serve was among them, and how it ended.
func (p *initProcess) reap() (how string, serveEnded bool) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil || pid <= 0:
			return how, serveEnded
		case p.serve != nil && pid == p.serve.pid:
			how, serveEnded = describe(status), true
		}
	}
}

func describe(s syscall.WaitStatus) string {
	if s.Signaled() {
		return fmt.Sprintf("was ended by signal %d (%v)", int(s.Signal()), s.Signal())
	}
	return fmt.Sprintf("exited with status %d", s.ExitStatus())
}
