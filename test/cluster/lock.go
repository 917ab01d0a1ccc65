package cluster

import (
	"errors"
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

// lock holds the file that all users of the machine's cluster share, whichever source tree they run from.
func lock(t testing.TB, how int) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(cache, "agentd-cluster", "in-use"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	giveUp := time.After(patience)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return
		case !errors.Is(err, syscall.EWOULDBLOCK):
			t.Fatalf("lock %s: %v", f.Name(), err)
		}
		select {
		case <-again.C:
		case <-giveUp:
			t.Fatalf("other tests have had the cluster for %v (who asks for it before t.Parallel keeps it too long)", patience)
		}
	}
}
