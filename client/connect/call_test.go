package connect

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// killHub ends the hub that conn leads to, and waits until the connection knows.
func killHub(t *testing.T, conn *mux.Conn) {
	t.Helper()
	pid := status(t, conn).PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-conn.Done()
}

func TestACallIsMadeAgainWhenTheHubGoesAndThatIsSafe(t *testing.T) {
	t.Parallel()
	c := New(options(t, "sound"))
	defer c.Close()
	tries := 0
	err := c.Do(t.Context(), "looking", true, func(ctx context.Context, conn *mux.Conn) error {
		tries++
		if tries < 3 {
			killHub(t, conn)
		}
		return conn.Call(ctx, mux.Request{Op: wire.OpHubStatus}, nil)
	})
	if err != nil || tries != 3 {
		t.Errorf("%v after %d tries", err, tries)
	}
}

func TestACallThatIsNotSafeToRepeatSaysThatItMayHaveHappened(t *testing.T) {
	t.Parallel()
	c := New(options(t, "sound"))
	defer c.Close()
	tries := 0
	err := c.Do(t.Context(), "typing", false, func(ctx context.Context, conn *mux.Conn) error {
		tries++
		killHub(t, conn)
		return conn.Call(ctx, mux.Request{Op: wire.OpHubStatus}, nil)
	})
	if tries != 1 || wire.CodeOf(err) != wire.CodeUnavailable || !strings.Contains(err.Error(), "typing; it may or may not have happened") {
		t.Errorf("%v after %d tries", err, tries)
	}
	// The next call finds another hub.
	if err := c.Call(t.Context(), mux.Request{Op: wire.OpHubStatus}, nil, false); err != nil {
		t.Error(err)
	}
}

func TestACallThatBringsEveryHubDownIsGivenUp(t *testing.T) {
	t.Parallel()
	c := New(options(t, "sound"))
	defer c.Close()
	tries := 0
	err := c.Do(t.Context(), "looking", true, func(ctx context.Context, conn *mux.Conn) error {
		tries++
		killHub(t, conn)
		return conn.Call(ctx, mux.Request{Op: wire.OpHubStatus}, nil)
	})
	if tries != attempts || wire.CodeOf(err) != wire.CodeUnavailable {
		t.Errorf("%v after %d tries", err, tries)
	}
}

func TestAnAnswerIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	o := options(t, "sound")
	for _, want := range []error{nil, wire.Errorf(wire.CodeNoSession, "no session"), errors.New("of its own")} {
		tries := atomic.Int32{}
		c := New(o)
		err := c.Do(t.Context(), "looking", true, func(context.Context, *mux.Conn) error { tries.Add(1); return want })
		c.Close()
		if !errors.Is(err, want) || tries.Load() != 1 {
			t.Errorf("%v after %d tries", err, tries.Load())
		}
	}
	if err := Call(t.Context(), o, mux.Request{Op: wire.OpState, Session: "s"}, nil, true); wire.CodeOf(err) != wire.CodeNoSession {
		t.Errorf("the hub's own answer: %v", err)
	}
}

func TestACallerWhoGoesAwayIsNotAskedToWaitForAHub(t *testing.T) {
	t.Parallel()
	c := New(options(t, "sound"))
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Do(ctx, "looking", true, func(ctx context.Context, conn *mux.Conn) error {
		killHub(t, conn)
		cancel()
		return conn.Call(ctx, mux.Request{Op: wire.OpHubStatus}, nil)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestOneConnectionIsUsedWhileItLasts(t *testing.T) {
	t.Parallel()
	c := New(options(t, "sound"))
	defer c.Close()
	first, err := c.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Conn(t.Context())
	if err != nil || first != second {
		t.Errorf("another connection, %v", err)
	}
	killHub(t, first)
	third, err := c.Conn(t.Context())
	if err != nil || third == first {
		t.Errorf("the dead connection, %v", err)
	}
	if first, second := NewKey(), NewKey(); first == second {
		t.Error("two keys are one")
	}
}
