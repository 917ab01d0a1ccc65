package local

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/paths"
)

func TestASessionIsItsFoldersAndItsAgentd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.launched("a/b")
	r := e.Record()
	if r.Name != "a/b" || r.City != "city" || r.Key != "key" || r.WorkDir != "/work" || r.Command != "cat" || r.Instance == "" || r.PID == 0 ||
		r.Audience != "local/"+paths.SessionID("a/b")+"/"+r.Instance {
		t.Errorf("record %+v", r)
	}
	for _, dir := range []string{e.state, e.run} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", dir, info.Mode(), err)
		}
	}
	// Its own session and group: what its starter gets it does not.
	if pgid, err := syscall.Getpgid(r.PID); err != nil || pgid != r.PID {
		t.Errorf("agentd %d is in the process group %d, %v", r.PID, pgid, err)
	}
	conn, err := e.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	w.inspect(e, hub.Reachable)
	// Another process finds the same.
	other := w.another("")
	found, err := other.Find(t.Context(), "a/b")
	if err != nil || found == nil || found.Record().Instance != r.Instance {
		t.Fatalf("found %v, %v", found, err)
	}
	w.inspect(found, hub.Reachable)
	if again, err := other.Find(t.Context(), "a/b"); err != nil || again != found {
		t.Errorf("found another endpoint for the same session, %v", err)
	}
	if none, err := other.Find(t.Context(), "a-b"); none != nil || err != nil {
		t.Errorf("found %v, %v", none, err)
	}
}

func TestWhatBecameOfASessionIsSeenFromOutside(t *testing.T) {
	t.Parallel()
	t.Run("it is being made, here or elsewhere", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		e := w.create("s")
		w.inspect(e, hub.Reachable) // its maker must reach it
		found, err := w.another("").Find(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		w.inspect(found, hub.Making)
		if err := e.Launched(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.inspect(found, hub.Reachable)
	})
	t.Run("its maker is gone", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		e := w.create("s")
		e.takeLock().Release() // as the kernel does for the dead
		w.inspect(e, hub.HalfMade)
		found, err := w.another("").Find(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		w.inspect(found, hub.HalfMade)
	})
	t.Run("its agentd is gone", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		e := w.launched("s")
		w.killAgentd(e)
		w.inspect(e, hub.Ended)
	})
	t.Run("its agentd is gone and its tmux lives", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		e := w.launched("s")
		w.killAgentd(e)
		socket := tmuxSocket(e.run)
		if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		w.inspect(e, hub.Orphaned)
		if err := e.Revive(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.inspect(e, hub.Reachable)
		before := e.Record().PID
		if err := e.Revive(t.Context()); err != nil || e.Record().PID != before {
			t.Errorf("a second agentd, %v", err)
		}
		l.Close()
	})
	t.Run("its agentd is leaving", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		e := w.launched("s")
		w.killAgentd(e)
		// It lives, and its socket is there, and nobody listens any more.
		if err := e.change(func(r *record) { r.PID, r.PIDStart = os.Getpid(), startOf(os.Getpid()) }); err != nil {
			t.Fatal(err)
		}
		w.inspect(e, hub.Reachable)
		os.Remove(e.socket())
		w.inspect(e, hub.Ended)
		if err := e.change(func(r *record) { r.PID = 0 }); err != nil { // or this process would be ended with it
			t.Fatal(err)
		}
	})
	t.Run("its pid belongs to another process by now", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		e := w.launched("s")
		w.killAgentd(e)
		other := exec.Command("sleep", "1000")
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
		if err := e.change(func(r *record) { r.PID, r.PIDStart = other.Process.Pid, "1" }); err != nil {
			t.Fatal(err)
		}
		w.inspect(e, hub.Ended)
		if err := e.Remove(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if !isAlive(other.Process.Pid, startOf(other.Process.Pid)) {
			t.Error("the other process was ended")
		}
	})
	t.Run("it was removed, or replaced", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		first := w.launched("s")
		found, err := w.another("").Find(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := first.Remove(t.Context(), false); err != nil {
				t.Fatal(err)
			}
		}
		w.inspect(found, hub.Gone)
		second := w.launched("s")
		for _, old := range []hub.Endpoint{first, found} {
			w.inspect(old, hub.Gone)
			if err := old.Remove(t.Context(), false); err != nil {
				t.Fatal(err)
			}
		}
		w.inspect(second, hub.Reachable) // no word to the one before touches it
	})
}

func TestRemoveLeavesNeitherFoldersNorProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.launched("s")
	pid := e.Record().PID
	// What tmux and the agent leave has no parent of the session any more, but its mark.
	stray := exec.Command("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done")
	stray.Env = append(os.Environ(), "TMUX="+tmuxSocket(e.run)+",1,0")
	stray.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := stray.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := stray.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- stray.Wait() }()
	if err := e.Remove(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	<-ended
	if isAlive(pid, startOf(pid)) {
		t.Error("agentd lives")
	}
	for _, dir := range []string{w.dirs.Sessions(), filepath.Dir(e.run)} {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s holds %v, %v", dir, left, err)
		}
	}
}

func TestAStartThatCannotHappenLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(w *world, ctx context.Context) (*Backend, context.Context){
		"there is no agentd": func(w *world, ctx context.Context) (*Backend, context.Context) {
			return w.another("/no/such/agentd"), ctx
		},
		"agentd is no program":       func(w *world, ctx context.Context) (*Backend, context.Context) { return w.another("/dev/null"), ctx },
		"somebody else works on it":  heldUp,
		"its run folder is a file":   func(w *world, ctx context.Context) (*Backend, context.Context) { return w.Backend, w.inTheWay(ctx) },
		"its state folder is a file": func(w *world, ctx context.Context) (*Backend, context.Context) { return w.Backend, w.taken(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b, ctx := spoil(w, t.Context())
			if ep, err := b.Create(ctx, hub.Spec{Name: "s"}); err == nil || ep != nil {
				t.Errorf("got %v, %v", ep, err)
			}
			entries, err := os.ReadDir(w.dirs.Sessions())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if e.IsDir() {
					t.Errorf("left: %s", e.Name())
				}
			}
		})
	}
}

func TestTwoSessionsOfOneNameAreNeverMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.launched("s")
	_, err := w.another(w.config.Agentd).Create(t.Context(), hub.Spec{Name: "s"})
	if wire.CodeOf(err) != wire.CodeState || strings.Contains(err.Error(), "already exists") {
		t.Errorf("got %v (%s)", err, wire.CodeOf(err))
	}
	w.inspect(e, hub.Reachable) // and the one there is isn't touched
	if r, _, err := e.refresh(); err != nil || !isAlive(r.PID, r.PIDStart) {
		t.Error("its agentd was ended")
	}
}

func TestNoAgentdStaysAsAZombie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 5 {
		e := w.launched("s")
		pid := e.Record().PID
		if err := e.Remove(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); syscall.Kill(pid, 0) == nil; {
			if time.Now().After(deadline) {
				t.Fatal("a zombie is left")
			}
		}
	}
}

func TestAdaptGivesTheCallersWorldLessWhatIsItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home := t.TempDir()
	base := []string{"HOME=" + home, "KEPT=1", "TWICE=1", "TWICE=2", "EMPTY=", "=odd", "odder", "TMUX=x", "TMUX_PANE=%1", "GC_SESSION=exec:x", "GC_EVENTS=y", "GC_BEADS=z",
		"COLUMNS=1", "LINES=1", "PWD=/", "OLDPWD=/", "SHLVL=3", "_=/bin/x", wire.DetachedEnv + "=1"}
	var launch wire.Launch
	if err := w.Adapt(&launch, &wire.Start{BaseEnv: base}); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(launch.BaseEnv)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"EMPTY":"","HOME":"` + home + `","KEPT":"1","TWICE":"2"}`; string(got) != want || launch.WorkDir != home {
		t.Errorf("the agent gets %s in %s, want %s in %s", got, launch.WorkDir, want, home)
	}
	launch = wire.Launch{WorkDir: "/a/../b/"}
	if err := w.Adapt(&launch, &wire.Start{}); err != nil || launch.WorkDir != "/b" || launch.BaseEnv != nil {
		t.Errorf("%+v, %v", launch, err)
	}
	launch = wire.Launch{WorkDir: "relative"}
	if err := w.Adapt(&launch, &wire.Start{}); wire.CodeOf(err) != wire.CodeBadRequest || !strings.Contains(err.Error(), `"relative"`) {
		t.Errorf("a relative work dir: %v", err)
	}
	launch = wire.Launch{}
	if err := w.Adapt(&launch, &wire.Start{BaseEnv: []string{"HOME=/no/such/home"}}); err != nil || launch.WorkDir != "/" {
		t.Errorf("without a home: %+v, %v", launch, err)
	}
}
