package terminal

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// reopen opens a terminal anew, so that it can be read without blocking: the flag for that belongs to the opened file, which the shell shares. Nil where that
// isn't allowed, as for a terminal of another user's.
func reopen(in *os.File) *os.File {
	f, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", in.Fd()), os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil
	}
	if f.SetReadDeadline(time.Time{}) != nil { // it can't be waited for but by blocking
		f.Close()
		return nil
	}
	return f
}
