package terminal

import (
	"context"
	"os"
	"syscall"
	"time"
)

// event is something that happens while the attach waits.
type event int

const (
	// eventDone: what was waited for is there.
	eventDone event = iota
	eventTimer
	// eventLeave: the person, a signal, or the end of the caller asks for the end.
	eventLeave
	eventHelp
	eventSuspend
	// eventResize: the terminal has another size.
	eventResize
	// eventContinue: the process was stopped, and runs again.
	eventContinue
	// eventDropped: a key was typed that goes nowhere.
	eventDropped
)

// wait waits for done, the timer, the person, or a signal. The End is that of an eventLeave.
func (a *attachment) wait(ctx context.Context, done <-chan struct{}, timer <-chan time.Time) (event, End) {
	select {
	case <-done:
		return eventDone, End{}
	case <-timer:
		return eventTimer, End{}
	case <-a.typed.dropped:
		return eventDropped, End{}
	case e := <-a.keyboard.escapes:
		return eventOfEscape(e)
	case s := <-a.signals:
		return eventOfSignal(s)
	case <-a.keyboard.done: // the terminal has gone
		return eventLeave, End{Signal: syscall.SIGHUP}
	case <-a.options.Parent:
		return eventLeave, End{Signal: syscall.SIGHUP}
	case <-ctx.Done():
		return eventLeave, End{Signal: syscall.SIGTERM}
	}
}

func eventOfEscape(e escape) (event, End) {
	switch e {
	case escapeHelp:
		return eventHelp, End{}
	case escapeSuspend:
		return eventSuspend, End{}
	default:
		return eventLeave, End{Left: true}
	}
}

func eventOfSignal(s os.Signal) (event, End) {
	switch s {
	case syscall.SIGWINCH:
		return eventResize, End{}
	case syscall.SIGCONT:
		return eventContinue, End{}
	default:
		return eventLeave, End{Signal: s.(syscall.Signal)}
	}
}

// awaitKey waits until any key is typed. over is true when the attach ends instead.
func (a *attachment) awaitKey(ctx context.Context) (end End, over bool) {
	select {
	case <-a.typed.dropped: // an old one
	default:
	}
	for {
		switch e, end := a.wait(ctx, nil, nil); e {
		case eventLeave:
			return end, true
		case eventDropped, eventHelp, eventContinue:
			return End{}, false
		}
	}
}

// resumed is how long a suspended process is given to stop. Where nothing can continue it (an orphaned process group) the kernel doesn't stop it.
const resumed = 200 * time.Millisecond

// suspend gives the terminal back, stops every process of this terminal as Ctrl-Z does, and takes the terminal again when the shell
// continues them.
func (a *attachment) suspend() error {
	if err := a.screen.reset(false); err != nil {
		return err
	}
	if err := a.tty.restore(); err != nil {
		return err
	}
	if err := syscall.Kill(0, syscall.SIGTSTP); err != nil {
		return err
	}
	timer := time.NewTimer(resumed)
	defer timer.Stop()
	for waiting := true; waiting; {
		select {
		case s := <-a.signals:
			if s != syscall.SIGCONT && s != syscall.SIGWINCH {
				a.signals <- s // for whoever waits next
				waiting = false
			} else if s == syscall.SIGCONT {
				waiting = false
			}
		case <-timer.C:
			waiting = false
		}
	}
	if err := a.tty.save(); err != nil { // the person may have changed them meanwhile
		return err
	}
	return a.tty.raw()
}
