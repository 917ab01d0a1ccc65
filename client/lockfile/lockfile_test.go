package lockfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

// holderVariable makes this test binary a process that takes a lock or a claim, says so, and holds it until its input ends.
const holderVariable = "LOCKFILE_HOLD"

func TestMain(m *testing.M) {
	if what, path, ok := strings.Cut(os.Getenv(holderVariable), ":"); ok {
		hold(what, path)
		return
	}
	goleak.VerifyTestMain(m)
}

func hold(what, path string) {
	var err error
	if what == "claim" {
		_, err = Claim(path)
	} else {
		_, err = Try(path)
	}
	fmt.Println(err)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// holder is another process that holds path, or was refused with what it said.
func holder(t *testing.T, what, path string) (cmd *exec.Cmd, said string) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holderVariable+"="+what+":"+path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, strings.TrimSpace(line)
}

func TestALockIsHeldByOneAndFreedByItsHoldersDeath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	cmd, said := holder(t, "lock", path)
	if said != "<nil>" {
		t.Fatal(said)
	}
	if _, err := Try(path); !errors.Is(err, ErrHeld) {
		t.Errorf("while another process holds it: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Wait(ctx, path); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), path) {
		t.Errorf("waiting past the end of the context: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	l, err := Wait(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Try(path); !errors.Is(err, ErrHeld) {
		t.Errorf("while this process holds it: %v", err)
	}
	l.Release()
	if l, err = Try(path); err != nil {
		t.Fatalf("once it is free: %v", err)
	}
	l.Discard()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of a discarded lock: %v", err)
	}
}

// A waiter may have opened the file that its holder removes. It must not believe to hold what the next one holds, too.
func TestOfManyWhoDiscardOneHoldsTheLockAtATime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	var holders atomic.Int32
	var working sync.WaitGroup
	for i := range 8 {
		working.Go(func() {
			for range 100 {
				l, err := Wait(t.Context(), path)
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d hold it", n)
				}
				holders.Add(-1)
				if i%2 == 0 {
					l.Discard()
				} else {
					l.Release()
				}
			}
		})
	}
	working.Wait()
}

func TestAPlaceThatCannotHoldALockIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "missing", "lock")
	for name, err := range map[string]error{
		"try":   errorOf(Try(path)),
		"wait":  errorOf(Wait(t.Context(), path)),
		"claim": errorOf(Claim(path)),
	} {
		if err == nil || errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func errorOf[T any](_ T, err error) error { return err }

func TestAClaimTellsItsHoldersPidWhileThatLives(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pid")
	if pid, err := Holder(path); pid != 0 || err != nil {
		t.Errorf("of no file: %d, %v", pid, err)
	}
	cmd, said := holder(t, "claim", path)
	if said != "<nil>" {
		t.Fatal(said)
	}
	if pid, err := Holder(path); pid != cmd.Process.Pid || err != nil {
		t.Errorf("got %d, %v, want %d", pid, err, cmd.Process.Pid)
	}
	if _, err := Claim(path); !errors.Is(err, ErrHeld) {
		t.Errorf("a second claim: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if pid, err := Holder(path); pid != 0 || err != nil {
		t.Errorf("of a dead holder: %d, %v", pid, err)
	}
	claim, err := Claim(path)
	if err != nil {
		t.Fatalf("after a dead holder: %v", err)
	}
	if _, said := holder(t, "claim", path); !strings.Contains(said, ErrHeld.Error()) {
		t.Errorf("another process claims it, too: %s", said)
	}
	claim.Close()
	if _, said := holder(t, "claim", path); said != "<nil>" {
		t.Errorf("another process, once it is free: %s", said)
	}
}
