package hub

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/hub/pack"
)

// start starts a session, with a key, and gives what was told meanwhile.
func (w *world) start(ctx context.Context, name, key string, q wire.Start) (warnings []string, err error) {
	call, err := w.conn.Open(ctx, mux.Request{Op: wire.OpStart, Session: name, Key: key, Body: q})
	if err != nil {
		return nil, err
	}
	defer call.Cancel()
	for {
		push, err := call.NextPush()
		if err != nil {
			return warnings, call.Result(nil)
		}
		var p wire.Progress
		if err := json.Unmarshal(push, &p); err != nil {
			return nil, err
		}
		if p.Warning != "" {
			warnings = append(warnings, p.Warning)
		}
	}
}

func TestAStartMakesLaunchesAndMarksTheSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	made := newFake(t, "s")
	w.backend.create = func(context.Context, Spec) (*fakeSession, error) { return made, nil }
	var launch wire.Launch
	made.handlers[wire.OpLaunch] = func(_ context.Context, x *mux.Exchange) (any, error) {
		if err := x.Decode(&launch); err != nil {
			return nil, err
		}
		made.running(1, "")
		return wire.Launched{}, nil
	}
	env := map[string]string{"GC_CITY": "/city", "GC_SESSION": "exec:x", "GC_EVENTS": "y", "GC_BEADS": "z", "KEPT": "k"}
	if _, err := w.start(t.Context(), "s", "key", wire.Start{StartConfig: wire.StartConfig{Command: "cat", WorkDir: "/work", Env: env}}); err != nil {
		t.Fatal(err)
	}
	if made.launched != 1 || made.removed != 0 {
		t.Errorf("marked as launched %d times, removed %d times", made.launched, made.removed)
	}
	if made.record.City != "/city" || made.record.Key != "key" {
		t.Errorf("record %+v", made.record)
	}
	if launch.Command != "cat" || launch.Env["KEPT"] != "k" || launch.Env["GC_TMUX_SESSION"] != "main" || len(launch.Env) != 3 {
		t.Errorf("launch %+v", launch)
	}
	if got := w.state("s"); got.State != wire.StateRunning {
		t.Errorf("state %+v", got)
	}
}

func TestALiveSessionIsADuplicateUnlessTheSameStartMadeIt(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(1, "")
	s.record.Key = "its key"
	w := newWorld(t, Options{}, s)
	for _, key := range []string{"", "another key"} {
		if _, err := w.start(t.Context(), "s", key, wire.Start{}); wire.CodeOf(err) != wire.CodeExists {
			t.Errorf("key %q: %v", key, err)
		}
	}
	if _, err := w.start(t.Context(), "s", "its key", wire.Start{}); err != nil {
		t.Errorf("the same start again: %v", err)
	}
	if s.removed != 0 {
		t.Error("it was removed")
	}
}

func TestWhatIsDeadOrHalfMadeIsReplaced(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(s *fakeSession){
		"its agent has ended":                           func(s *fakeSession) { s.condition, s.refuses = Ended, errors.New("nobody listens") },
		"its agent has ended, which agentd still tells": func(s *fakeSession) { s.status.State = wire.StateExited },
		"it was cut off while it was made":              func(s *fakeSession) { s.condition, s.refuses = HalfMade, errors.New("nobody listens") },
		"it was cut off while it waited":                func(s *fakeSession) { s.condition = HalfMade },
		"it was made, and nothing launched":             func(s *fakeSession) {},
		"it is being stopped": func(s *fakeSession) {
			s.running(1, "")
			s.status.Stopping = true
		},
		"it was told to end, and does not answer a hub that never saw it alive": func(s *fakeSession) {
			s.running(1, "")
			s.terminating, s.refuses = true, errors.New("the node does not answer")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFake(t, "s")
			spoil(s)
			w := newWorld(t, Options{}, s)
			if _, err := w.start(t.Context(), "s", "", wire.Start{}); err != nil {
				t.Fatal(err)
			}
			if s.removed == 0 {
				t.Error("what was there was not removed")
			}
			if got := w.state("s"); got.State != wire.StateRunning {
				t.Errorf("state %+v", got)
			}
		})
	}
}

// As for a moment when its pod was deleted by force.
func TestASessionThatIsGoneIsNoDuplicateThoughItsAgentdAnswers(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(1, "")
	s.record.Key = "key"
	w := newWorld(t, Options{}, s)
	w.linked("s")
	s.quietly(func() { s.condition = Gone })
	if _, err := w.start(t.Context(), "s", "key", wire.Start{}); err != nil || s.removed == 0 {
		t.Errorf("start: %v; removed %d times", err, s.removed)
	}
}

func TestASessionThatAnotherHubMakesIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s")
	s.condition = Making
	w := newWorld(t, Options{}, s)
	result := make(chan error, 1)
	go func() {
		_, err := w.start(t.Context(), "s", "", wire.Start{})
		result <- err
	}()
	known := w.linkedInAnyState("s")
	select {
	case err := <-result:
		t.Fatalf("not waited for: %v", err)
	default:
	}
	s.set(func() { s.status.State, s.condition = wire.StateRunning, Reachable })
	w.await(known, func() bool { return known.status.State == wire.StateRunning })
	if err := <-result; wire.CodeOf(err) != wire.CodeExists {
		t.Errorf("got %v, want a duplicate", err)
	}
}

// Its agentd waits for the launch and is linked to, which it would be for ever.
func TestASessionWhoseStartIsCutOffElsewhereIsRemoved(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s")
	s.condition = Making
	w := newWorld(t, Options{}, s)
	if got := w.state("s"); got.State != wire.StateWaiting {
		t.Fatalf("state %+v", got)
	}
	known := w.linkedInAnyState("s")
	s.quietly(func() { s.condition = HalfMade })
	w.await(known, func() bool { return known.gone })
	if s.removed != 1 {
		t.Errorf("removed %d times", s.removed)
	}
}

// linkedInAnyState waits for the link of a session that a start asks for.
func (w *world) linkedInAnyState(name string) *session {
	w.t.Helper()
	for {
		changed := w.hub.change()
		w.hub.mu.Lock()
		s := w.hub.sessions[name]
		w.hub.mu.Unlock()
		if s != nil {
			w.await(s, func() bool { return s.seen })
			return s
		}
		<-changed
	}
}

func TestAFailedStartLeavesNothing(t *testing.T) {
	t.Parallel()
	fail := func(op wire.Op, err error) func(*fakeSession) {
		return func(s *fakeSession) {
			s.handlers[op] = func(context.Context, *mux.Exchange) (any, error) { return nil, err }
		}
	}
	for name, test := range map[string]struct {
		spoil func(*fakeSession)
		code  wire.Code
		says  string
	}{
		"the launch fails":     {fail(wire.OpLaunch, wire.Errorf(wire.CodeFailed, "agent exited with status 3")), wire.CodeFailed, "status 3"},
		"a file can't be sent": {fail(wire.OpPut, wire.Errorf(wire.CodeFailed, "no space left")), wire.CodeFailed, "no space left"},
		"agentd never comes up": {func(s *fakeSession) {
			s.refuses = errors.New("nobody listens")
			s.doom <- wire.Errorf(wire.CodeUnavailable, "no node has room")
		}, wire.CodeUnavailable, "no node has room"},
		"agentd turns out to be doomed during the launch": {func(s *fakeSession) {
			s.handlers[wire.OpLaunch] = func(ctx context.Context, _ *mux.Exchange) (any, error) {
				s.doom <- wire.Errorf(wire.CodeFailed, "pod was deleted")
				<-ctx.Done()
				return nil, ctx.Err()
			}
		}, wire.CodeFailed, "pod was deleted"},
		"agentd dies": {func(s *fakeSession) {
			s.why = "out of memory"
			s.handlers[wire.OpLaunch] = func(ctx context.Context, _ *mux.Exchange) (any, error) {
				s.end(1)
				return nil, ctx.Err()
			}
		}, wire.CodeFailed, "out of memory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{})
			made := newFake(t, "s")
			test.spoil(made)
			w.backend.create = func(context.Context, Spec) (*fakeSession, error) { return made, nil }
			w.backend.files = []Files{{What: "overlay", Into: "/work", Fill: func(*pack.Packer) error { return nil }}}
			_, err := w.start(t.Context(), "s", "key", wire.Start{})
			if wire.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v (%s), want %q", err, wire.CodeOf(err), test.says)
			}
			if made.removed == 0 || w.backend.has("s") {
				t.Error("it is left")
			}
			if err := w.ask(wire.OpState, "s", nil, nil); wire.CodeOf(err) != wire.CodeNoSession {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestASessionThatAnotherHubMadeFirstIsADuplicate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.backend.create = func(_ context.Context, spec Spec) (*fakeSession, error) {
		w.backend.add(newFake(t, spec.Name).running(1, ""))
		return nil, wire.Errorf(wire.CodeState, "made meanwhile")
	}
	if _, err := w.start(t.Context(), "s", "", wire.Start{}); wire.CodeOf(err) != wire.CodeExists {
		t.Errorf("got %v (%s)", err, wire.CodeOf(err))
	}
	// One that never is there, and always is in the way, is not tried for ever.
	tries := 0
	w.backend.create = func(context.Context, Spec) (*fakeSession, error) {
		tries++
		return nil, wire.Errorf(wire.CodeState, "made meanwhile")
	}
	if _, err := w.start(t.Context(), "t", "", wire.Start{}); wire.CodeOf(err) != wire.CodeState || tries != maxTries {
		t.Errorf("got %v (%s) after %d tries", err, wire.CodeOf(err), tries)
	}
}

func TestACreateThatFailsSaysWhatTheBackendSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.backend.create = func(context.Context, Spec) (*fakeSession, error) { return nil, errors.New("configmap ALREADY EXISTS") }
	_, err := w.start(t.Context(), "s", "", wire.Start{})
	if err == nil || wire.CodeOf(err) == wire.CodeExists || !strings.Contains(err.Error(), `create session "s": configmap ALREADY EXISTS`) {
		t.Errorf("got %v (%s)", err, wire.CodeOf(err))
	}
}

// hanging is a session whose launch goes on until it is cancelled.
func hanging(t *testing.T) (s *fakeSession, reached chan struct{}) {
	s, reached = newFake(t, "s"), make(chan struct{})
	s.handlers[wire.OpLaunch] = func(ctx context.Context, _ *mux.Exchange) (any, error) {
		close(reached)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s, reached
}

func TestAStartWhoseCallerGoesAwayIsUndone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	made, reached := hanging(t)
	w.backend.create = func(context.Context, Spec) (*fakeSession, error) { return made, nil }
	caller, err := w.hub.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := caller.Open(t.Context(), mux.Request{Op: wire.OpStart, Session: "s", Body: wire.Start{}}); err != nil {
		t.Fatal(err)
	}
	<-reached
	_ = caller.Close(wire.CloseNormal, "") // as when the process is killed
	// The name is free again once it is undone.
	w.backend.create = nil
	if _, err := w.start(t.Context(), "s", "", wire.Start{}); err != nil {
		t.Fatal(err)
	}
	if made.removed != 1 || made.launched != 0 {
		t.Errorf("removed %d times, marked as launched %d times", made.removed, made.launched)
	}
}

func TestANameThatCannotBeASessionsIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	for _, name := range []string{"", "with\x00zero", strings.Repeat("x", maxName+1)} {
		if _, err := w.start(t.Context(), name, "", wire.Start{}); wire.CodeOf(err) != wire.CodeBadRequest {
			t.Errorf("%.20q: %v", name, err)
		}
	}
}

func TestTheScriptOfTheControllerIsReadHereAndAMissingOneIsAWarning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	var scripts []string
	w.backend.create = func(_ context.Context, spec Spec) (*fakeSession, error) {
		s := newFake(t, spec.Name)
		s.handlers[wire.OpLaunch] = func(_ context.Context, x *mux.Exchange) (any, error) {
			var launch wire.Launch
			err := x.Decode(&launch)
			scripts = append(scripts, launch.SessionSetupScript)
			s.running(1, "")
			return wire.Launched{}, err
		}
		return s, nil
	}
	dir := t.TempDir()
	good, big := filepath.Join(dir, "good"), filepath.Join(dir, "big")
	if err := errors.Join(os.WriteFile(good, []byte("echo hello"), 0o600), os.WriteFile(big, make([]byte, maxScript+1), 0o600)); err != nil {
		t.Fatal(err)
	}
	for i, path := range []string{good, big, filepath.Join(dir, "missing")} {
		warnings, err := w.start(t.Context(), string(rune('a'+i)), "", wire.Start{StartConfig: wire.StartConfig{SessionSetupScript: path}})
		if err != nil || len(warnings) != min(i, 1) {
			t.Errorf("%s: %v, %q", path, err, warnings)
		}
	}
	if len(scripts) != 3 || scripts[0] != "echo hello" || scripts[1] != "" || scripts[2] != "" {
		t.Errorf("the sessions got %.60q", scripts)
	}
}
