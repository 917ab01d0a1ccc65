package hub

import (
	"context"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/paths"
)

// keeper is a backend with an event log that is never reached.
type keeper struct {
	*fakeBackend
	spooled atomic.Bool
	opened  atomic.Int32
}

func (k *keeper) Spooled() bool { return k.spooled.Load() }

func (k *keeper) Events() (events.Log, error) {
	k.opened.Add(1)
	return noLog{}, nil
}

// noLog is a log that can't be reached.
type noLog struct{ events.Log }

func (noLog) Latest(context.Context) (uint64, error) {
	return 0, wire.Errorf(wire.CodeUnavailable, "no API server")
}

func TestABackendWithoutEventsSaysWhatToUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	err := w.ask(wire.OpEventsLatest, "", nil, nil)
	if wire.CodeOf(err) != wire.CodeUnsupported || !strings.Contains(err.Error(), "gc-events-fake") {
		t.Errorf("%v", err)
	}
}

func TestTheEventLogIsOpenedOnFirstUseAlone(t *testing.T) {
	t.Parallel()
	k := &keeper{fakeBackend: newBackend(t)}
	h := New(k, Options{})
	defer h.Close()
	conn, err := h.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, hub: h, conn: conn}
	defer conn.Close(wire.CloseNormal, "")
	if err := w.ask(wire.OpList, "", wire.List{}, nil); err != nil || k.opened.Load() != 0 {
		t.Errorf("a list of sessions: %v, and the log was opened %d times", err, k.opened.Load())
	}
	for range 2 {
		if err := w.ask(wire.OpEventsLatest, "", nil, nil); wire.CodeOf(err) != wire.CodeUnavailable {
			t.Errorf("%v", err)
		}
	}
	if k.opened.Load() != 1 {
		t.Errorf("the log was opened %d times", k.opened.Load())
	}
}

func TestAHubDeliversWhatAnotherSpooledAndStaysForIt(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "hub")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	k := &keeper{fakeBackend: newBackend(t)}
	k.spooled.Store(true)
	ended := make(chan error, 1)
	go func() {
		ended <- Run(t.Context(), Process{
			Backend: k, Token: func(string) (string, error) { return "", nil }, Files: paths.Dirs{State: dir, Runtime: dir}.Hub("x"), Idle: 100 * time.Millisecond,
		})
	}()
	stays := time.NewTimer(300 * time.Millisecond)
	select {
	case err := <-ended:
		t.Fatalf("it left with events to deliver: %v", err)
	case <-stays.C:
	}
	if k.opened.Load() != 1 {
		t.Errorf("the log was opened %d times", k.opened.Load())
	}
	k.spooled.Store(false)
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(testPatience):
		t.Error("it stays with nothing to deliver")
	}
}
