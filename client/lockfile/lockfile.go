// Package lockfile holds locks that die with their holder: a killed process leaves nothing to clean up.
package lockfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrHeld is given by Try when someone else holds the lock.
var ErrHeld = errors.New("lock is held")

// retry is how often a held lock is tried again. The kernel can wait for a lock, but not until a context ends.
const retry = 5 * time.Millisecond

// Lock is a held lock.
type Lock struct {
	file *os.File
	path string
}

// Try takes the lock at path, or gives ErrHeld. The file is made when it is missing; its folder must exist.
func Try(path string) (*Lock, error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, ErrHeld
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if Current(f, path) {
			return &Lock{file: f, path: path}, nil
		}
		f.Close() // its last holder removed it between our open and our lock
	}
}

// Wait takes the lock at path, waiting for it until ctx ends.
func Wait(ctx context.Context, path string) (*Lock, error) {
	tick := time.NewTicker(retry)
	defer tick.Stop()
	for {
		l, err := Try(path)
		if !errors.Is(err, ErrHeld) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s: %w", path, ctx.Err())
		case <-tick.C:
		}
	}
}

// Release gives the lock up and leaves its file.
func (l *Lock) Release() { l.file.Close() }

// Discard removes the file and gives the lock up. Whoever waits for it makes a new one.
func (l *Lock) Discard() {
	os.Remove(l.path)
	l.file.Close()
}

// Current reports whether path still names the open file.
func Current(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(mine, there)
}

// ClaimName is the file in a hub's folder that the hub claims.
const ClaimName = "pid"

// Claim marks path as this process's own until the process ends: Holder then gives its pid. It fails with ErrHeld when another process has
// claimed it. The returned file must stay open, and no other code of this process may open path: closing any descriptor of it ends the claim.
func Claim(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock); err != nil {
		f.Close()
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			return nil, ErrHeld
		}
		return nil, fmt.Errorf("claim %s: %w", path, err)
	}
	return f, nil
}

// Holder gives the pid of the process that has claimed path, 0 if none has. The kernel says it, so it never is that of a process which happens to
// have got a dead holder's number.
func Holder(path string) (int, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("holder: %w", err)
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil {
		return 0, fmt.Errorf("holder of %s: %w", path, err)
	}
	if lock.Type == unix.F_UNLCK {
		return 0, nil
	}
	return int(lock.Pid), nil
}
