package terminal

import "golang.org/x/sys/unix"

// fread is FREAD of <sys/fcntl.h>: the input queue.
const fread = 1

// discardTyped forgets what was typed and not read yet: meant for the session, it must not reach the shell.
func (t *tty) discardTyped() { _ = unix.IoctlSetPointerInt(int(t.in.Fd()), unix.TIOCFLUSH, fread) }
