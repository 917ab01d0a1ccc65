package hub

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// losing makes a session lose its link the first times that it is asked for op, after the request has come.
func losing(t *testing.T, op wire.Op, times int) *fakeSession {
	s := newFake(t, "s").running(7, "screen\n")
	s.handlers[op] = func(ctx context.Context, x *mux.Exchange) (any, error) {
		s.mu.Lock()
		times--
		if times == 0 {
			delete(s.handlers, op)
		}
		s.mu.Unlock()
		s.drop(wire.CloseShutdown)
		return nil, ctx.Err()
	}
	return s
}

func TestWhatIsSafeToRepeatIsRepeatedWhenTheLinkGoes(t *testing.T) {
	t.Parallel()
	for _, op := range []wire.Op{wire.OpProcessAlive, wire.OpMetaGet, wire.OpMetaSet, wire.OpMetaRemove, wire.OpMetaList, wire.OpClear} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			s := losing(t, op, 3)
			w := newWorld(t, Options{}, s)
			if err := w.ask(op, "s", wire.Meta{Key: "K"}, nil); err != nil {
				t.Error(err)
			}
			if n := s.count(op); n != 4 {
				t.Errorf("agentd was asked %d times, want 4", n)
			}
		})
	}
}

func TestWhatMayNotHappenTwiceIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, op := range []wire.Op{wire.OpKeys, wire.OpInterrupt, wire.OpPut, wire.OpGet} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			s := losing(t, op, 1)
			w := newWorld(t, Options{}, s)
			err := w.ask(op, "s", wire.Keys{Keys: []string{"Enter"}}, nil)
			if wire.CodeOf(err) != wire.CodeUnavailable || !strings.Contains(err.Error(), "may or may not have happened") {
				t.Errorf("got %v (%s)", err, wire.CodeOf(err))
			}
			if n := s.count(op); n != 1 {
				t.Errorf("agentd was asked %d times", n)
			}
		})
	}
}

// nudge sends a message under a key.
func (w *world) nudge(key, text string) error {
	call, err := w.conn.Open(context.Background(), mux.Request{Op: wire.OpNudge, Session: "s", Key: key})
	if err != nil {
		return err
	}
	defer call.Cancel()
	if _, err := io.WriteString(call, text); err != nil {
		return err
	}
	if err := call.CloseWrite(); err != nil {
		return err
	}
	return call.Result(nil)
}

func TestANudgeIsRepeatedWholeAndUnderOneKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"the caller's", ""} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			s := newFake(t, "s").running(7, "screen\n")
			var texts []string
			s.handlers[wire.OpNudge] = func(ctx context.Context, x *mux.Exchange) (any, error) {
				text, err := io.ReadAll(x)
				s.mu.Lock()
				texts = append(texts, string(text))
				last := len(texts) == 3
				s.mu.Unlock()
				if !last {
					s.drop(wire.CloseShutdown)
					return nil, ctx.Err()
				}
				return nil, err
			}
			w := newWorld(t, Options{}, s)
			message := strings.Repeat("message ", 1000)
			if err := w.nudge(key, message); err != nil {
				t.Error(err)
			}
			keys := s.keys(wire.OpNudge)
			if len(keys) != 3 || keys[0] == "" || keys[0] != keys[1] || keys[1] != keys[2] || key != "" && keys[0] != key {
				t.Errorf("keys %q", keys)
			}
			if texts[2] != message {
				t.Errorf("the last had %d bytes of %d", len(texts[2]), len(message))
			}
		})
	}
}

func TestAMessageOverTheLimitIsRefusedBeforeItIsTyped(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(7, "screen\n")
	w := newWorld(t, Options{}, s)
	err := w.nudge("k", strings.Repeat("x", wire.MaxNudge+1))
	if err == nil || s.count(wire.OpNudge) != 0 {
		t.Errorf("got %v, agentd was asked %d times", err, s.count(wire.OpNudge))
	}
}

// Whatever a caller waits for ends when it goes away: nothing is done for nobody.
func TestACallerThatGoesAwayCancelsItsWork(t *testing.T) {
	t.Parallel()
	ops := []wire.Op{wire.OpPeek, wire.OpNudge, wire.OpKeys, wire.OpProcessAlive, wire.OpMetaSet, wire.OpPut, wire.OpGet, wire.OpAttach, wire.OpOutput}
	for _, op := range ops {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			s := newFake(t, "s").running(7, "screen\n")
			began, ended := make(chan struct{}), make(chan struct{})
			s.handlers[op] = func(ctx context.Context, _ *mux.Exchange) (any, error) {
				close(began)
				<-ctx.Done()
				close(ended)
				return nil, ctx.Err()
			}
			w := newWorld(t, Options{}, s)
			caller, err := w.hub.Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			call, err := caller.Open(t.Context(), mux.Request{Op: op, Session: "s"})
			if err != nil {
				t.Fatal(err)
			}
			if err := call.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			<-began
			_ = caller.Close(wire.CloseNormal, "")
			<-ended
		})
	}
}

func TestOneSlowSessionHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	slow, quick := newFake(t, "slow").running(1, ""), newFake(t, "quick").running(1, "")
	release := make(chan struct{})
	slow.handlers[wire.OpProcessAlive] = func(ctx context.Context, _ *mux.Exchange) (any, error) {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return wire.ProcessAliveReply{Alive: true}, nil
	}
	w := newWorld(t, Options{}, slow, quick)
	var waiting sync.WaitGroup
	for range 10 {
		waiting.Go(func() {
			if err := w.ask(wire.OpProcessAlive, "slow", wire.ProcessAlive{}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	for range 10 {
		if err := w.ask(wire.OpProcessAlive, "quick", wire.ProcessAlive{}, nil); err != nil {
			t.Error(err)
		}
	}
	close(release)
	waiting.Wait()
}

func TestAnUnknownOperationIsAnAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, newFake(t, "s").running(1, ""))
	if err := w.ask("not-yet-invented", "s", nil, nil); wire.CodeOf(err) != wire.CodeUnknownOp {
		t.Errorf("got %v", err)
	}
	if err := w.ask(wire.OpLaunch, "s", wire.Launch{}, nil); wire.CodeOf(err) != wire.CodeUnknownOp {
		t.Errorf("a launch past the hub's start: %v", err)
	}
	if err := w.ask(wire.OpCheckImage, "", wire.CheckImage{Image: "bad", BaseEnv: []string{"A=b"}}, nil); wire.CodeOf(err) != wire.CodeFailed {
		t.Errorf("check-image: %v", err)
	}
	var status wire.HubStatus
	if err := w.ask(wire.OpHubStatus, "", nil, &status); err != nil || status.Backend != "fake" || status.PID == 0 || status.Requests == 0 {
		t.Errorf("status %+v, %v", status, err)
	}
	for _, op := range []wire.Op{wire.OpStart, wire.OpStop, wire.OpList, wire.OpPeek} {
		if err := w.ask(op, "s", []int{1}, nil); slices.Contains([]wire.Code{"", wire.CodeInternal}, wire.CodeOf(err)) {
			t.Errorf("%s of nonsense: %v (%s)", op, err, wire.CodeOf(err))
		}
	}
}
