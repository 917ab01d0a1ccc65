// Package terminal puts a person's terminal on a session and gives it back as it was.
//
// Attach does the work: raw mode, bytes both ways, the size, the escapes typed after "~", and a connection that comes back when it is lost.
// Guard is why the terminal is always given back: the process that was asked to attach starts itself again as a child on the same
// terminal, keeps the terminal's settings, and restores them when the child ends in any way that could not do so itself (a
// panic, SIGKILL).
package terminal
