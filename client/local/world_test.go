package local

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/lockfile"
	"github.com/gascity/agentd/client/paths"
)

func TestMain(m *testing.M) {
	if os.Args[0] == "agentd" { // as the backend starts it
		os.Stderr.WriteString(`{"level":"INFO","msg":"up"}` + "\n")
		hup := make(chan os.Signal, 1) // something to wait for
		signal.Notify(hup, syscall.SIGHUP)
		<-hup
	}
	goleak.VerifyTestMain(m)
}

// world is a backend with folders of its own. Its agentd is this test's own program, which only waits, so that each thing that can become of one can be
// brought about.
type world struct {
	*Backend
	t    *testing.T
	dirs paths.Dirs
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "local") // a short path: sockets lie below it
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dirs: paths.Dirs{State: filepath.Join(dir, "state"), Runtime: filepath.Join(dir, "run")}}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{w.dirs.State, w.dirs.Runtime} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.Backend = w.another(program)
	t.Cleanup(func() {
		all, err := w.Scan(context.Background())
		if err != nil {
			t.Error(err)
		}
		for _, ep := range all {
			if err := ep.Remove(context.Background(), false); err != nil {
				t.Error(err)
			}
		}
		os.RemoveAll(dir)
	})
	return w
}

// another is a backend of another process over the same folders.
func (w *world) another(program string) *Backend {
	w.t.Helper()
	b, err := New(Config{Dirs: w.dirs, PublicKeys: filepath.Join(w.dirs.State, "public.pem"), Agentd: program})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(b.Close)
	return b
}

func (w *world) create(name string) *endpoint {
	w.t.Helper()
	ep, err := w.Create(w.t.Context(), hub.Spec{Name: name, City: "city", Key: "key", WorkDir: "/work", Command: "cat"})
	if err != nil {
		w.t.Fatal(err)
	}
	return ep.(*endpoint)
}

// launched is a session that was started completely.
func (w *world) launched(name string) *endpoint {
	w.t.Helper()
	e := w.create(name)
	if err := e.Launched(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (w *world) inspect(e hub.Endpoint, want hub.Condition) {
	w.t.Helper()
	got, err := e.Inspect(w.t.Context())
	if err != nil || got != want {
		w.t.Errorf("condition %d, %v; want %d", got, err, want)
	}
}

// killAgentd ends a session's agentd and waits for that.
func (w *world) killAgentd(e *endpoint) {
	w.t.Helper()
	r, _, err := e.refresh()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil {
		w.t.Fatal(err)
	}
	// Its first thread may have ended while others still hold its socket.
	for deadline := time.Now().Add(10 * time.Second); isAlive(r.PID, r.PIDStart) || answers(e.socket()); {
		if time.Now().After(deadline) {
			w.t.Fatal("agentd does not end")
		}
	}
}

func heldUp(w *world, ctx context.Context) (*Backend, context.Context) {
	lock, err := lockfile.Try(w.lockPath(paths.SessionID("s")))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(lock.Release)
	ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	w.t.Cleanup(cancel)
	return w.Backend, ctx
}

// inTheWay puts a file where the folder of all run folders was.
func (w *world) inTheWay(ctx context.Context) context.Context {
	dir := filepath.Dir(w.dirs.SessionRun("x"))
	if err := errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		w.t.Fatal(err)
	}
	return ctx
}

func (w *world) taken(ctx context.Context) context.Context {
	if err := os.WriteFile(w.dirs.SessionState(paths.SessionID("s")), nil, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return ctx
}
