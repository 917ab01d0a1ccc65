package terminal

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// Options say what to attach, and to what.
type Options struct {
	// Session is the session's name.
	Session string
	// ReadOnly drops what is typed, but for the escapes. Ctrl-C leaves then, too: it has nothing else to do.
	ReadOnly bool
	// In and Out are the terminal.
	In, Out *os.File
	// Term is the terminal's type (TERM).
	Term string
	// Connect connects to the hub. It is called again for each reconnection.
	Connect func(context.Context) (*mux.Conn, error)
	// Open, if not nil, opens the session's terminal (wire.OpAttach) by a shorter way than the connection.
	Open func(context.Context, mux.Request) (*mux.Call, error)
	// Compress says that the way to the session is slow enough for compression to be worth its time.
	Compress bool
	// Patience is how long a lost connection may take to come back; 0 means 5 minutes.
	Patience time.Duration
	// Parent ends with the process that guards this one (see Guard); nil when there is none.
	Parent <-chan struct{}
}

const (
	// defaultPatience outlasts an API server's restart and a train's tunnel. Who has less leaves.
	defaultPatience = 5 * time.Minute
	// firstPatience outlasts the start of a hub.
	firstPatience = 30 * time.Second
)

// End says how an attach ended without an error.
type End struct {
	// Exit is how the agent ended; nil when it hasn't, or nobody knows.
	Exit *wire.Exit
	// Left: the person left, and the session runs on.
	Left bool
	// Signal is the signal that ended the attach; 0 if none did.
	Signal syscall.Signal
}

// Attach shows the session on the terminal until the person leaves, the agent ends, a signal asks for the end, or the connection is lost
// for good. When it returns, the terminal is as it was.
func Attach(ctx context.Context, o Options) (end End, err error) {
	if o.Patience <= 0 {
		o.Patience = defaultPatience
	}
	t, err := openTTY(o.In, o.Out)
	if err != nil {
		return End{}, err
	}
	a := &attachment{options: o, tty: t, screen: newScreen(o.Out), typed: newTyped(), keyboard: &keyboard{}, signals: make(chan os.Signal, 8)}
	signal.Notify(a.signals, syscall.SIGWINCH, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGCONT)
	defer signal.Stop(a.signals)

	// The first connection is made before the terminal is touched: most of what can go wrong does so here.
	conn, end, err := a.dial(ctx, time.Now().Add(min(o.Patience, firstPatience)))
	if conn == nil {
		return end, err
	}
	if err := t.raw(); err != nil {
		return End{}, errors.Join(err, conn.Close(wire.CloseNormal, ""))
	}
	defer func() {
		if restoreErr := a.giveBack(end.Left); err == nil {
			err = restoreErr
		}
	}()
	if a.keyboard, err = readKeyboard(o.In, a.typed, o.ReadOnly); err != nil {
		return End{}, errors.Join(err, conn.Close(wire.CloseNormal, ""))
	}
	defer a.keyboard.stop()
	return a.run(ctx, conn)
}

// attachment is one Attach at work.
type attachment struct {
	options  Options
	tty      *tty
	screen   *screen
	typed    *typed
	keyboard *keyboard
	signals  chan os.Signal

	shown  bool      // the session has been on the screen
	warned bool      // the person was told that keys are dropped
	lost   time.Time // when the connection was lost; zero while it isn't
	tries  int       // to get it back
}

// giveBack makes the terminal what it was. What was typed for the session and never read is forgotten, unless the person left by himself and
// has typed on.
func (a *attachment) giveBack(left bool) error {
	resetErr := a.screen.reset(true)
	err := a.tty.restore()
	if !left {
		a.tty.discardTyped()
	}
	return errors.Join(resetErr, err)
}

// turn is what came of one connection.
type turn struct {
	then next
	end  End
	err  error
}

// next is what to do after a turn.
type next int

const (
	// nextEnd ends the attach.
	nextEnd next = iota
	// nextRedraw opens the attach anew, which makes tmux draw everything.
	nextRedraw
	// nextHelp shows the help, until a key is typed.
	nextHelp
	// nextSuspend stops this terminal's processes, until the shell continues them.
	nextSuspend
	// nextReconnect gets a lost connection back.
	nextReconnect
)

// run goes from connection to connection until there is an end.
func (a *attachment) run(ctx context.Context, conn *mux.Conn) (End, error) {
	for {
		t := a.serve(ctx, conn)
		switch t.then {
		case nextEnd:
			return t.end, t.err
		case nextHelp:
			a.screen.help(helpText(a.options))
			if end, over := a.awaitKey(ctx); over {
				return end, nil
			}
		case nextSuspend:
			if err := a.suspend(); err != nil {
				return End{}, err
			}
		case nextReconnect:
			if a.lost.IsZero() {
				a.lost = time.Now()
				a.screen.notice(a.tty.size(), "connection lost, reconnecting … (~. leaves)")
			}
		}
		var end End
		var err error
		if conn, end, err = a.connect(ctx, t.err); conn == nil {
			return end, err
		}
	}
}
