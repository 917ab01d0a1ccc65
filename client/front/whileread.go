package front

import (
	"context"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// whileRead gives a ctx that ends when nobody reads any more what is written to w, a pipe or a socket, also while nothing is written. stop lets go of it. Of
// what is neither this can't be seen, and ctx ends with its parent alone.
func whileRead(ctx context.Context, w io.Writer) (read context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	f, ok := w.(*os.File)
	if !ok {
		return ctx, cancel
	}
	wake, waker, err := os.Pipe()
	if err != nil {
		return ctx, cancel // writing will tell
	}
	var looking sync.WaitGroup
	looking.Go(func() {
		defer wake.Close()
		if readerLeft(f, wake) {
			cancel()
		}
	})
	return ctx, func() {
		waker.Close()
		looking.Wait()
		cancel()
	}
}

// readerLeft waits until f's reader has left, or the other end of wake is closed.
func readerLeft(f, wake *os.File) (left bool) {
	_ = onDescriptor(f, func(out int32) {
		_ = onDescriptor(wake, func(end int32) {
			// No events are asked for, so that these come alone: the end of a pipe's reader, and of a socket's peer.
			const gone = unix.POLLERR | unix.POLLHUP | unix.POLLNVAL
			fds := []unix.PollFd{{Fd: out}, {Fd: end}}
			for fds[0].Revents&gone == 0 && fds[1].Revents&gone == 0 {
				if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
					return
				}
			}
			left = fds[0].Revents&gone != 0
		})
	})
	return left
}

// onDescriptor calls do with a file's descriptor, which stays open meanwhile. Not f.Fd(): that changes the file's mode, which other processes share.
func onDescriptor(f *os.File, do func(fd int32)) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { do(int32(fd)) })
}
