// Package tmux drives a tmux server over one control-mode connection.
//
// A Control is a running `tmux -C` client. Start makes a server and attaches to it in one process; Attach joins a server that lives already.
// Run sends a command and returns what it printed; calls from several goroutines are pipelined and answered in order:
//
//	c, err := tmux.Attach(ctx, tmux.Options{Dir: dir, Events: onEvent}, "=main")
//	screen, err := c.Run(ctx, "capture-pane", "-p", "-t", "%0")
//	replies, err := c.Sequence(ctx, // atomic: tmux does nothing in between
//		[]string{"capture-pane", "-p", "-t", "%0"},
//		[]string{"display-message", "-p", "-t", "%0", "#{cursor_x}"})
//
// Arguments are data: they are quoted for tmux's command language, whatever bytes but NUL they hold. A refused command is a *CommandError.
//
// What tmux tells unasked arrives as Events, on the goroutine that reads the connection: a handler must return at once and must not call Run
// itself. Of output they tell the fact alone, so that a flood costs no memory; what a pane shows is captured.
//
// When the connection ends (tmux gone, client killed, protocol broken) Done is closed, Err says why, and all calls fail with that error.
// A Control does not reconnect: Attach again.
package tmux
