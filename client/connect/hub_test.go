package connect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	hubs "github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/lockfile"
	"github.com/gascity/agentd/client/paths"
)

// hubVariable makes this test binary a hub of one of the kinds below.
const hubVariable = "CONNECT_HUB"

func TestMain(m *testing.M) {
	if kind := os.Getenv(hubVariable); kind != "" {
		if err := kinds[kind](os.Args[len(os.Args)-1]); err != nil {
			fmt.Fprintln(os.Stderr, "hub:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("/tmp", "connect")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"XDG_STATE_HOME", "XDG_RUNTIME_DIR"} {
		if err := os.Setenv(name, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	status := m.Run()
	if err := goleak.Find(); err != nil && status == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

// kinds are the hubs that a test can start.
var kinds = map[string]func(backend string) error{
	"sound": func(backend string) error { return runHub(backend) },
	"counted": func(backend string) error {
		dirs, err := paths.Open()
		if err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(dirs.State, backend+".starts"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := fmt.Fprintln(f, os.Getpid()); err != nil {
			return err
		}
		return runHub(backend)
	},
	"broken":   func(string) error { return errors.New("there is no place for sessions") },
	"panicky":  func(string) error { panic("an index out of range") },
	"silent":   func(string) error { os.Exit(1); return nil },
	"hanging":  func(backend string) error { return hang(backend, true) },
	"unmarked": func(backend string) error { return hang(backend, false) },
}

// hang is a hub that listens and never answers.
func hang(backend string, claims bool) error {
	dirs, err := paths.Open()
	if err != nil {
		return err
	}
	if claims {
		claim, err := lockfile.Claim(filepath.Join(dirs.Hub(backend).Dir, lockfile.ClaimName))
		if err != nil {
			return err
		}
		defer claim.Close()
	}
	hup := make(chan os.Signal, 1) // something to wait for
	signal.Notify(hup, syscall.SIGHUP)
	<-hup
	return nil
}

func runHub(backend string) error {
	dirs, err := paths.Open()
	if err != nil {
		return err
	}
	return hubs.Run(context.Background(), hubs.Process{
		Backend: nothing{}, Token: func(string) (string, error) { return "", nil }, Files: dirs.Hub(backend), ListenFD: ListenFD,
	})
}

// nothing is a backend without sessions.
type nothing struct{}

func (nothing) Name() string                                        { return "nothing" }
func (nothing) Scan(context.Context) ([]hubs.Endpoint, error)       { return nil, nil }
func (nothing) Find(context.Context, string) (hubs.Endpoint, error) { return nil, nil }
func (nothing) Adapt(*wire.Launch, *wire.Start) error               { return nil }
func (nothing) SharesFiles() bool                                   { return true }
func (nothing) CheckImage(context.Context, string) error            { return nil }
func (nothing) Create(context.Context, hubs.Spec) (hubs.Endpoint, error) {
	return nil, errors.New("no")
}

// options are those of a test's own hub, of that kind.
func options(t *testing.T, kind string) Options {
	backend := "t" + strconv.FormatUint(hash(t.Name()), 36)
	t.Cleanup(func() { stopHub(t, backend) })
	return Options{Backend: backend, Command: []string{"/usr/bin/env", hubVariable + "=" + kind, os.Args[0], backend}}
}

func hash(text string) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range []byte(text) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

// stopHub ends a test's hub, and waits for that.
func stopHub(t *testing.T, backend string) {
	h, err := open(Options{Backend: backend})
	if err != nil {
		t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if pid, err := lockfile.Holder(filepath.Join(h.files.Dir, lockfile.ClaimName)); err != nil || pid == 0 {
		return
	}
	if err := h.kill(ctx); err != nil {
		t.Error(err)
	}
}

// status asks a hub about itself.
func status(t *testing.T, conn *mux.Conn) wire.HubStatus {
	t.Helper()
	var s wire.HubStatus
	if err := conn.Call(t.Context(), mux.Request{Op: wire.OpHubStatus}, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func connected(t *testing.T, o Options) (*mux.Conn, wire.HubStatus) {
	t.Helper()
	conn, err := Hub(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(wire.CloseNormal, "") })
	return conn, status(t, conn)
}

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
	starts := filepath.Join(dirs.State, o.Backend+".starts")
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
	claim := filepath.Join(h.files.Dir, lockfile.ClaimName)
	pid := 0
	for deadline := time.Now().Add(10 * time.Second); pid == 0 && time.Now().Before(deadline); {
		pid, err = lockfile.Holder(claim)
		if err != nil {
			t.Fatal(err)
		}
	}
	o.Command[1] = hubVariable + "=sound"
	if _, now := connected(t, o); now.PID == pid || pid == 0 {
		t.Errorf("the hub is process %d, it was %d", now.PID, pid)
	}
	if holder, err := lockfile.Holder(claim); holder == pid || err != nil {
		t.Errorf("the hanging one lives: %d, %v", holder, err)
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
	endByArgument(t, o.Backend)
}

// endByArgument ends a hub that marks itself nowhere.
func endByArgument(t *testing.T, backend string) {
	t.Helper()
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		b, err := os.ReadFile(dir + "/cmdline")
		if err == nil && strings.HasSuffix(string(b), "\x00"+backend+"\x00") {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
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
