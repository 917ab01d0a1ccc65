package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for others to leave the cluster to it: longer than any of them takes.
const patience = 10 * time.Minute

// share keeps those out that want the cluster alone, until the test ends.
func share(t testing.TB) { lock(t, syscall.LOCK_SH) }

// claim keeps all others out until the test ends.
func claim(t testing.TB) { lock(t, syscall.LOCK_EX) }

func lock(t testing.TB, how int) {
	t.Helper()
	f, err := inUse()
	if err != nil {
		lacking(t, err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if err := await(f, how); err != nil {
		t.Fatal(err)
	}
}

// inUse opens the file that all users of the machine's cluster lock, whichever source tree they run from. It is where root's `make cluster-up` keeps what it builds:
// who can't open it has a cluster of somebody else's.
func inUse() (*os.File, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(cache, "agentd-cluster", "in-use"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("the cluster of make cluster-up is another user's: %w", err)
	}
	return f, nil
}

func await(f *os.File, how int) error {
	giveUp := time.After(patience)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		select {
		case <-again.C:
		case <-giveUp:
			return fmt.Errorf("other tests have had the cluster for %v (who asks for it before t.Parallel keeps it too long)", patience)
		}
	}
}
