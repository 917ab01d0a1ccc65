package pid1

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// catch begins to receive signals; what it gives ends that.
func (p *initProcess) catch() (release func()) {
	p.signals = make(chan os.Signal, 64)
	p.ended = make(chan os.Signal, 1) // one is enough to know of: all who ended are reaped together
	signal.Notify(p.ended, syscall.SIGCHLD)
	for _, sig := range forwarded() {
		// What was ignored when init began (nohup, a background job of a script) stays so, for serve too.
		if !signal.Ignored(sig) {
			signal.Notify(p.signals, sig)
		}
	}
	return func() {
		signal.Stop(p.signals)
		signal.Stop(p.ended)
	}
}

// forwarded lists the signals that mean something to serve. The others are faults of this process (SEGV), job control's (TSTP), the Go
// runtime's (URG, PROF), or can't be caught.
func forwarded() []syscall.Signal {
	return append([]syscall.Signal{
		syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH,
		syscall.SIGALRM, syscall.SIGCONT,
	}, realtime()...)
}

// asksToStop tells whether a signal means that the session shall end.
func asksToStop(sig syscall.Signal) bool { return sig == syscall.SIGTERM || sig == syscall.SIGINT }

// forward passes a signal to serve, or keeps it until a serve is ready for it: before it listens for signals it would just die of most.
// When it is asked to stop once more with nobody to see to that, init is over rather than waiting on.
func (p *initProcess) forward(sig syscall.Signal) (over bool) {
	again := p.stop != 0 && asksToStop(sig)
	if asksToStop(sig) {
		p.stop = sig
	}
	switch {
	case p.serve != nil && p.serve.ready:
		p.serve.signal(sig)
	case again:
		return true
	case !slices.Contains(p.kept, sig):
		p.Logger.Info("serve is not ready: keeping a signal for it", "signal", sig.String())
		p.kept = append(p.kept, sig)
	}
	return false
}

// deliver sends a serve that has become ready what was kept for it, and the stop that the one before did not live to carry out.
func (p *initProcess) deliver() {
	if !p.serve.ready || p.serve.told {
		return
	}
	p.serve.told = true
	if p.stop != 0 && !slices.Contains(p.kept, p.stop) {
		p.kept = append(p.kept, p.stop)
	}
	for _, sig := range p.kept {
		p.serve.signal(sig)
	}
	p.kept = nil
}
