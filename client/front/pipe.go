package front

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// erring gives stdout or stderr under another descriptor, and other writers as they are. Go ends a process that writes to descriptor 1 or 2 when
// that is a pipe which nobody reads, before it can say so; at any other descriptor such a write fails like others. Ignoring the signal would be
// inherited by started programs, which this descriptor isn't.
func erring(w io.Writer) io.Writer {
	f, ok := w.(*os.File)
	if !ok || f != os.Stdout && f != os.Stderr {
		return w
	}
	number := unix.Stdout
	if f == os.Stderr {
		number = unix.Stderr
	}
	// Not f.Fd(): that changes the file's mode, which other processes share.
	fd, err := unix.FcntlInt(uintptr(number), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return w // it is closed, as a rule: writing will tell
	}
	return os.NewFile(uintptr(fd), f.Name())
}
