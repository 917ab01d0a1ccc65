package terminal

import "golang.org/x/sys/unix"

// discardTyped forgets what was typed and not read yet: meant for the session, it must not reach the shell.
func (t *tty) discardTyped() { _ = unix.IoctlSetInt(int(t.in.Fd()), unix.TCFLSH, unix.TCIFLUSH) }
