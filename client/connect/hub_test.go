package connect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/lockfile"
	"github.com/gascity/agentd/client/paths"
)

func TestAHubIsStartedWhereNoneAnswersAndFoundWhereOneDoes(t *testing.T) {
	t.Parallel()
	o := options(t, "sound")
	alone := o
	alone.NoStart = true
	if _, err := Hub(t.Context(), alone); !errors.Is(err, ErrNoHub) {
		t.Errorf("without starting one: %v", err)
	}
	_, first := connected(t, o)
	_, second := connected(t, o)
	_, third := connected(t, alone)
	if first.PID == os.Getpid() || first.PID != second.PID || first.PID != third.PID {
		t.Errorf("processes %d, %d, %d", first.PID, second.PID, third.PID)
	}
	// Killed, it leaves its socket.
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, now := connected(t, o); now.PID == first.PID {
		t.Error("a dead hub answers")
	}
}

func TestOfManyAtOnceOneStartsTheHub(t *testing.T) {
	t.Parallel()
	o := options(t, "counted")
	dirs, err := paths.Open()
	if err != nil {
		t.Fatal(err)
	}
	starts := filepath.Join(dirs.State, o.Target.Backend+".starts")
	if err := os.RemoveAll(starts); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		var pids sync.Map
		var calling sync.WaitGroup
		for range 50 {
			calling.Go(func() {
				conn, err := Hub(t.Context(), o)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close(wire.CloseNormal, "")
				var s wire.HubStatus
				if err := conn.Call(t.Context(), mux.Request{Op: wire.OpHubStatus}, &s); err != nil {
					t.Error(err)
				}
				pids.Store(s.PID, true)
			})
		}
		calling.Wait()
		var all []int
		for pid := range pids.Range {
			all = append(all, pid.(int))
		}
		b, err := os.ReadFile(starts)
		if err != nil {
			t.Fatal(err)
		}
		if starts := strings.Count(string(b), "\n"); len(all) != 1 || starts != round+1 {
			t.Fatalf("round %d: hubs %v answered, and %d were started", round, all, starts)
		}
		if err := syscall.Kill(all[0], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAHubOfAnotherVersionIsReplaced(t *testing.T) {
	t.Parallel()
	o := options(t, "sound")
	oldConn, old := connected(t, o)
	alone := o
	alone.NoStart, alone.testOnlyVersion = true, "v9"
	if _, got := connected(t, alone); got.PID != old.PID {
		t.Error("whoever starts none replaced it")
	}
	o.testOnlyVersion = "v9"
	_, now := connected(t, o)
	if now.PID == old.PID {
		t.Error("it was not replaced")
	}
	<-oldConn.Done()
	if code := mux.CloseCode(oldConn.Err()); code != wire.CloseReplaced {
		t.Errorf("its clients were told %d", code)
	}
}

func TestAHubThatHangsIsEndedAndReplaced(t *testing.T) {
	t.Parallel()
	o := options(t, "hanging")
	isReplaced(t, o, running(t, o))
}

func TestAHubOfAnotherProtocolIsAskedToLeave(t *testing.T) {
	t.Parallel()
	o := options(t, "foreign")
	pid := running(t, o)
	looking := o
	looking.NoStart = true
	if _, err := Hub(t.Context(), looking); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("kill %d", pid)) {
		t.Errorf("whoever starts none hears %v, and not how to end process %d", err, pid)
	}
	isReplaced(t, o, pid)
	dirs, err := paths.Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dirs.State, o.Target.Backend+".left")); err != nil {
		t.Errorf("it had no time to leave: %v", err)
	}
}

// running starts a hub that nobody can connect to, and gives its process.
func running(t *testing.T, o Options) (pid int) {
	t.Helper()
	h, err := open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := paths.MakeDir(h.files.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := h.spawn(o.Command); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); pid == 0 && time.Now().Before(deadline); {
		if pid, err = lockfile.Holder(filepath.Join(h.files.Dir, lockfile.ClaimName)); err != nil {
			t.Fatal(err)
		}
	}
	return pid
}

// isReplaced checks that a sound hub takes the place of the process.
func isReplaced(t *testing.T, o Options, pid int) {
	t.Helper()
	o.Command = slices.Clone(o.Command)
	o.Command[1] = hubVariable + "=sound"
	if _, now := connected(t, o); now.PID == pid || pid == 0 {
		t.Errorf("the hub is process %d, it was %d", now.PID, pid)
	}
	h, err := open(o)
	if err != nil {
		t.Fatal(err)
	}
	if holder, err := lockfile.Holder(filepath.Join(h.files.Dir, lockfile.ClaimName)); holder == pid || err != nil {
		t.Errorf("the one before lives: %d, %v", holder, err)
	}
}

func TestWhatHoldsTheSocketAndIsNoHubIsLeftAlone(t *testing.T) {
	t.Parallel()
	o := options(t, "sound")
	h, err := open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := paths.MakeDir(h.files.Dir); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", h.files.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Hub(t.Context(), o); err == nil || !strings.Contains(err.Error(), h.files.Socket) {
		t.Errorf("got %v, want an error that names the socket", err)
	}
}

func TestAHubThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	for kind, words := range map[string]string{
		"broken":  "there is no place for sessions",
		"panicky": "panic: an index out of range",
		"silent":  ".log",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			o := options(t, kind)
			for range 2 { // the second finds the log of the first
				_, err := Hub(t.Context(), o)
				if err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "\n") {
					t.Errorf("got %v, want one line with %q", err, words)
				}
			}
		})
	}
	for name, command := range map[string][]string{"missing": {"/no/such/program"}, "no program": {"/dev/null"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, "")
			o.Command = command
			if _, err := Hub(t.Context(), o); err == nil || !strings.Contains(err.Error(), command[0]) {
				t.Errorf("got %v", err)
			}
			o.NoStart = true
			if _, err := Hub(t.Context(), o); !errors.Is(err, ErrNoHub) {
				t.Errorf("the socket of the failed start is in the way: %v", err)
			}
		})
	}
}

func TestWaitingForAHubEndsWithTheContext(t *testing.T) {
	t.Parallel()
	o := options(t, "unmarked")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := Hub(ctx, o); wire.CodeOf(err) != wire.CodeTimeout {
		t.Errorf("got %v (%s)", err, wire.CodeOf(err))
	}
	if took := time.Since(began); took > answerTime {
		t.Errorf("it took %s", took)
	}
	endByArgument(t, o.Target.Backend)
}

func TestTheHubsEnvironmentIsNotItsStarters(t *testing.T) {
	for _, name := range []string{"TMUX", "TMUX_PANE", "GC_HUB"} {
		t.Setenv(name, "the starter's")
	}
	t.Setenv("KEPT", "kept")
	t.Setenv(wire.DetachedEnv, "0")
	env := environment()
	for _, pair := range env {
		if strings.HasSuffix(pair, "=the starter's") {
			t.Errorf("it gets %q", pair)
		}
	}
	if !slices.Contains(env, "KEPT=kept") || !slices.Contains(env, wire.DetachedEnv+"=1") || slices.Contains(env, wire.DetachedEnv+"=0") {
		t.Errorf("it gets %q", env)
	}
}

func TestOnlyTheEndOfTheOtherSideCountsAsAbsence(t *testing.T) {
	t.Parallel()
	for _, err := range []error{syscall.ECONNREFUSED, syscall.ENOENT, syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF} {
		if !isAbsent(fmt.Errorf("dial: %w", err)) {
			t.Errorf("%v is no absence", err)
		}
	}
	for _, err := range []error{nil, context.DeadlineExceeded, syscall.EACCES, syscall.EMFILE, syscall.EAGAIN, errors.New("bad handshake")} {
		if isAbsent(err) {
			t.Errorf("%v counts as absence", err)
		}
	}
}
