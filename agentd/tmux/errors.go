package tmux

import (
	"errors"
	"fmt"
)

// ErrNoSession is returned by Attach when no server answers, or it has no such session.
var ErrNoSession = errors.New("no such tmux session")

// CommandError is tmux's refusal of a command. The connection goes on.
type CommandError struct {
	// Command is the command's name.
	Command string
	// Text is what tmux says, one line.
	Text string
}

func (e *CommandError) Error() string { return fmt.Sprintf("tmux %s: %s", e.Command, e.Text) }

// LostError says how a connection ended.
type LostError struct {
	// Exited: tmux ended it (%exit): the session or server was destroyed, or the client detached. Otherwise the client died or broke the protocol.
	Exited bool
	// Reason is what tmux gave with %exit, or what broke.
	Reason string
}

func (e *LostError) Error() string {
	if e.Reason == "" {
		return "tmux ended the control connection"
	}
	return "tmux control connection lost: " + e.Reason
}

// serverDied is what a tmux client says when the server goes without a word.
const serverDied = "server exited unexpectedly"

// ServerDied tells whether the server ended without taking leave, as it does when it is killed or crashes.
func (e *LostError) ServerDied() bool {
	return e.Exited && (e.Reason == serverDied || e.Reason == "lost server")
}
