package pid1

import (
	"os"
	"os/signal"
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

// forward passes a signal to serve. One that asks to stop is kept for a serve that is not ready for it (before it listens for signals it
// would just die of it); when asked again, init is over rather than waiting on.
func (p *initProcess) forward(sig syscall.Signal) (over bool) {
	asked := p.stop != 0
	if asksToStop(sig) {
		p.stop = sig
	}
	switch {
	case p.serve != nil && p.serve.ready:
		p.serve.signal(sig)
	case asksToStop(sig) && asked:
		return true
	case asksToStop(sig):
		p.Logger.Info("asked to stop before serve is ready", "signal", sig.String())
	}
	return false
}

// tellStop tells a serve that has become ready of the stop that was asked for before.
func (p *initProcess) tellStop() {
	if !p.serve.ready || p.serve.told {
		return
	}
	p.serve.told = true
	if p.stop != 0 {
		p.serve.signal(p.stop)
	}
}
