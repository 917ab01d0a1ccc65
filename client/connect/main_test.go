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
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	hubs "github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/lockfile"
	"github.com/gascity/agentd/client/paths"
	"github.com/gascity/agentd/client/target"
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
	"foreign":  speakOtherwise,
	"hanging":  func(backend string) error { return hang(backend, true) },
	"unmarked": func(backend string) error { return hang(backend, false) },
}

// speakOtherwise is a hub of another protocol, which notes that it left by itself.
func speakOtherwise(backend string) error {
	dirs, err := paths.Open()
	if err != nil {
		return err
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	claim, err := lockfile.Claim(filepath.Join(dirs.Hub(backend).Dir, lockfile.ClaimName))
	if err != nil {
		return err
	}
	defer claim.Close()
	l, err := net.FileListener(os.NewFile(ListenFD, "socket"))
	if err != nil {
		return err
	}
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}
	}()
	<-told
	return os.WriteFile(filepath.Join(dirs.State, backend+".left"), nil, 0o600)
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
func (nothing) Stale() bool                                         { return false }
func (nothing) Files(*wire.Start, *wire.Launch) ([]hubs.Files, error) {
	return nil, nil
}
func (nothing) CheckImage(context.Context, wire.CheckImage) error { return nil }
func (nothing) Create(context.Context, hubs.Spec) (hubs.Endpoint, error) {
	return nil, errors.New("no")
}

// options are those of a test's own hub, of that kind.
func options(t *testing.T, kind string) Options {
	backend := "t" + strconv.FormatUint(hash(t.Name()), 36)
	t.Cleanup(func() { stopHub(t, backend) })
	return Options{Target: target.Target{Backend: backend}, Command: []string{"/usr/bin/env", hubVariable + "=" + kind, os.Args[0], backend}}
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
	h, err := open(Options{Target: target.Target{Backend: backend}})
	if err != nil {
		t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if pid, err := lockfile.Holder(filepath.Join(h.files.Dir, lockfile.ClaimName)); err != nil || pid == 0 {
		return
	}
	if err := h.end(ctx, 0); err != nil {
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
