package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gascity/agentd/agentd/process"
)

// waitEnd waits until the process, which need not be our child, has ended, as the kernel tells at once. An error means that ctx ended first.
func waitEnd(ctx context.Context, pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err == nil {
		err = unix.SetNonblock(fd, true) // so that the runtime's poller takes it
	}
	if err != nil {
		return pollEnd(ctx, pid)
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return pollEnd(ctx, pid)
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := raw.Read(ready); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("wait for process %d: %w", pid, ctx.Err())
		}
		return pollEnd(ctx, pid)
	}
	return nil
}

// ready tells whether the process of a pidfd has ended.
func ready(fd uintptr) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(p, 0)
	return err == nil && n > 0 && p[0].Revents&unix.POLLIN != 0
}

// pollEnd serves where there is no pidfd: kernels before 5.3, and sandboxes that forbid it.
func pollEnd(ctx context.Context, pid int) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if pids, err := process.Tree(pid); err == nil && len(pids) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for process %d: %w", pid, ctx.Err())
		}
	}
}
