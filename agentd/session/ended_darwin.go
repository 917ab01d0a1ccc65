package session

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// waitEnd waits until the process, which need not be our child, has ended, as the kernel tells at once. An error means that ctx ended first.
func waitEnd(ctx context.Context, pid int) error {
	q, err := unix.Kqueue()
	if err != nil {
		return fmt.Errorf("wait for process %d: %w", pid, err)
	}
	defer unix.Close(q)
	const wake = 1 // the identity of the event by which ctx ends the wait
	changes := []unix.Kevent_t{
		{Ident: uint64(pid), Filter: unix.EVFILT_PROC, Flags: unix.EV_ADD | unix.EV_ONESHOT, Fflags: unix.NOTE_EXIT},
		{Ident: wake, Filter: unix.EVFILT_USER, Flags: unix.EV_ADD | unix.EV_CLEAR},
	}
	for i := range changes {
		_, err := unix.Kevent(q, changes[i:i+1], nil, nil)
		if errors.Is(err, unix.ESRCH) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("wait for process %d: %w", pid, err)
		}
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		trigger := []unix.Kevent_t{{Ident: wake, Filter: unix.EVFILT_USER, Fflags: unix.NOTE_TRIGGER}}
		_, _ = unix.Kevent(q, trigger, nil, nil)
	})
	defer func() {
		if !stop() {
			<-woken // it uses the queue
		}
	}()
	events := make([]unix.Kevent_t, 1)
	for {
		n, err := unix.Kevent(q, nil, events, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("wait for process %d: %w", pid, err)
		case n > 0 && events[0].Filter == unix.EVFILT_PROC:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("wait for process %d: %w", pid, ctx.Err())
		}
	}
}
