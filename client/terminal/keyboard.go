package terminal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// keyboard reads what is typed, in a goroutine of its own, so that an escape is seen however stuck the connection is.
type keyboard struct {
	in *os.File
	// own is the terminal once more, to be read without keeping a thread: another one would have to be woken for each key. Nil where it can't be had.
	own     *os.File
	wake    [2]*os.File // a byte in it ends the reading of in
	typed   *typed
	escapes chan escape
	err     error // why the reading ended; after done
	done    chan struct{}
}

// keyboardBuffer is how much is read at once: what the kernel's line discipline can hold.
const keyboardBuffer = 4096

// readKeyboard begins. What is typed goes to sink, escapes to the escapes channel. The caller stops it.
// With readOnly Ctrl-C is one, too.
func readKeyboard(in *os.File, sink *typed, readOnly bool) (*keyboard, error) {
	k := &keyboard{in: in, own: reopen(in), typed: sink, escapes: make(chan escape, 1), done: make(chan struct{})}
	if k.own == nil {
		var err error
		if k.wake[0], k.wake[1], err = os.Pipe(); err != nil {
			return nil, fmt.Errorf("read the keyboard: %w", err)
		}
	}
	go func() {
		defer close(k.done)
		k.err = k.read(scanner{readOnly: readOnly})
	}()
	return k, nil
}

// stop ends the reading, and waits for that.
func (k *keyboard) stop() {
	k.typed.drop()
	files := []*os.File{k.own}
	if k.own != nil {
		_ = k.own.SetReadDeadline(time.Now()) // reopen has seen that it takes deadlines
	} else {
		files = k.wake[:]
		_, _ = k.wake[1].Write([]byte{0}) // a failure can only mean that the pipe is full, which wakes as well
	}
	for {
		select {
		case <-k.done:
			for _, f := range files {
				f.Close()
			}
			return
		case <-k.escapes: // the reader may be handing one over
		}
	}
}

func (k *keyboard) read(s scanner) error {
	buf := make([]byte, keyboardBuffer)
	for {
		n, err := k.next(buf)
		if err != nil {
			return err
		}
		if !k.typed.wanted() { // so that "~." leaves at once
			s.midLine = false
		}
		for rest := buf[:n]; len(rest) > 0; {
			var data []byte
			var e escape
			data, e, rest = s.scan(nil, rest)
			if len(data) > 0 && !k.typed.put(data, s.takeKeyed()) {
				s.midLine = false // what was dropped is part of no line
			}
			if e != escapeNone {
				k.escapes <- e
			}
		}
	}
}

// errStopped ends a reading on request.
var errStopped = errors.New("stopped")

// next reads once there is something.
func (k *keyboard) next(buf []byte) (int, error) {
	if k.own == nil {
		return k.wait(buf)
	}
	n, err := k.own.Read(buf)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, errStopped
	case err != nil && !errors.Is(err, io.EOF):
		return 0, fmt.Errorf("read the keyboard: %w", err)
	}
	return n, err
}

// wait is next of a terminal that others read, too. It waits with select, not in read, since nothing wakes a read of a terminal; and not with deadlines, since these
// need O_NONBLOCK, which the shell's copy of the file would share. Poll would not do: macOS doesn't offer it for terminals.
func (k *keyboard) wait(buf []byte) (int, error) {
	in, wake := int(k.in.Fd()), int(k.wake[0].Fd())
	for {
		var set unix.FdSet
		set.Set(in)
		set.Set(wake)
		_, err := unix.Select(max(in, wake)+1, &set, nil, nil, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, fmt.Errorf("wait for the keyboard: %w", err)
		case set.IsSet(wake):
			return 0, errStopped
		}
		n, err := unix.Read(in, buf)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			continue
		case err != nil:
			return 0, fmt.Errorf("read the keyboard: %w", err)
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}
