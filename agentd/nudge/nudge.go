// Package nudge types messages into a terminal program and submits them, one at a time and in order.
//
// # What a message is
//
// The text is literal: nothing in it is a key name, an option or a tmux format. Line ends (LF, CR LF) at its very end are dropped, so that
// `echo hi | gc-session-local nudge agent` submits once; all else is kept. A message with nothing left submits nothing and succeeds.
// Newlines inside reach the program as the CR that a terminal's paste sends; they don't submit early in a program that asked for
// bracketed pastes, and can't be told from Enter in one that did not.
//
// # How it is typed
//
// The text is pasted (bracketed when the program asked for that), except a single line that begins with "/": agents know their slash
// commands only when those are typed. Enter follows once the text is seen to have arrived, because some programs swallow an Enter that
// comes right behind a paste; and when the screen shows that an Enter was swallowed all the same, another follows. A program that shows
// nothing of what it is given (no echo) gets exactly one Enter.
//
// # What outlives the process
//
// A message is kept in a file before it counts as accepted, and forgotten when it has been submitted. The process that comes next goes on with what it finds: what
// was not begun is typed; what was typed is not typed again but submitted, as the mark that the pane holds tells the two apart.
package nudge

import (
	"context"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// Pane is the terminal that messages are typed into. Its methods are called from one goroutine at a time.
type Pane interface {
	// InMode reports whether the pane shows a mode of tmux's own (copy mode), in which typed keys don't reach the program.
	InMode(ctx context.Context) (bool, error)
	// LeaveMode leaves that mode.
	LeaveMode(ctx context.Context) error
	// Paste pastes text, byte for byte but for LF, which becomes CR; in brackets when the program asked for bracketed pastes. buffer names the tmux
	// buffer to use: no two pastes of one Queue share a name. Either all of the text is pasted, or none and an error is returned. A tmux whose
	// paste-buffer replaces control characters must be told not to (-S).
	//
	// Paste, Type and Enter set the pane's mark in one step with what they type: when they fail, or whoever calls them is gone, both were done or neither. An
	// error of wire.CodeUnavailable means that it isn't known which, and that the mark can be asked for.
	Paste(ctx context.Context, buffer string, text []byte, mark string) error
	// Type sends text as typed characters (send-keys -l). The text is valid UTF-8 without control characters, at most MaxTyped bytes.
	Type(ctx context.Context, text, mark string) error
	// Enter presses Enter.
	Enter(ctx context.Context, mark string) error
	// Mark gives the mark that was set last, also by an earlier process; empty if none was.
	Mark(ctx context.Context) (string, error)
	// Capture gives what the screen shows now.
	Capture(ctx context.Context) (Screen, error)
	// Output tells of the program's output until now.
	Output() Output
}

// Screen is what a terminal shows. Two screens that look the same are equal.
type Screen struct {
	// Text is the visible lines, each ended by a newline, without escape sequences.
	Text string
	// CursorX and CursorY are the cursor's column and row, from 0.
	CursorX, CursorY int
}

// Output tells how much a program has put out, and when there is more.
type Output struct {
	// Seq rises with every piece of output.
	Seq uint64
	// At is when the last piece came; zero if none has.
	At time.Time
	// Next is closed when the next piece comes.
	Next <-chan struct{}
}

// Watcher learns of what is typed, so that the echo can be told from what the program does by itself. It must not block.
type Watcher interface {
	// Typing is called before text is typed. The screen may then change because of it until Entering is called.
	Typing(at time.Time, text string)
	// Entering is called before each Enter. A failed nudge ends with neither: what came of it is then known as little as to us.
	Entering(at time.Time)
	// Abandoned is called when typing failed and no Enter will follow Typing.
	Abandoned(at time.Time)
}

// MaxTyped bounds what Pane.Type is given, in bytes: tmux refuses a send-keys of more than 16,000.
const MaxTyped = 4 << 10

// Remembered is how many idempotency keys of the past a Queue knows.
const Remembered = 256

// MaxWaiting and MaxWaitingBytes bound the messages that wait, and their text.
const (
	MaxWaiting      = 1024
	MaxWaitingBytes = 4 * wire.MaxNudge
)
