package hub

import (
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should take a moment.
const testPatience = 20 * time.Second

// world is a hub with a client.
type world struct {
	t       *testing.T
	backend *fakeBackend
	hub     *Hub
	conn    *mux.Conn
}

func newWorld(t *testing.T, o Options, sessions ...*fakeSession) *world {
	t.Helper()
	b := newBackend(t)
	for _, s := range sessions {
		b.add(s)
	}
	if o.Token == nil {
		o.Token = func(string) (string, error) { return "token", nil }
	}
	h := New(b, o)
	conn, err := h.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close(wire.CloseNormal, "")
		h.Close()
	})
	return &world{t: t, backend: b, hub: h, conn: conn}
}

// ask makes a request without streams, within the test's patience.
func (w *world) ask(op wire.Op, session string, body, reply any) error {
	ctx, cancel := context.WithTimeout(context.Background(), testPatience)
	defer cancel()
	return w.conn.Call(ctx, mux.Request{Op: op, Session: session, Body: body}, reply)
}

// state is the session's state as the hub tells it.
func (w *world) state(name string) wire.Status {
	w.t.Helper()
	var reply wire.StateReply
	if err := w.ask(wire.OpState, name, nil, &reply); err != nil {
		w.t.Fatal(err)
	}
	return reply.Status
}

// peek asks for the screen.
func (w *world) peek(name string, q wire.Peek) (string, wire.PeekReply) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testPatience)
	defer cancel()
	call, err := w.conn.Open(ctx, mux.Request{Op: wire.OpPeek, Session: name, Body: q})
	if err != nil {
		w.t.Fatal(err)
	}
	defer call.Cancel()
	text, err := io.ReadAll(call)
	if err != nil {
		w.t.Fatal(err)
	}
	var reply wire.PeekReply
	if err := call.Result(&reply); err != nil {
		w.t.Fatal(err)
	}
	return string(text), reply
}

// linked waits until the session's link is up and proven.
func (w *world) linked(name string) *session {
	w.t.Helper()
	w.state(name)
	w.hub.mu.Lock()
	s := w.hub.sessions[name]
	w.hub.mu.Unlock()
	w.await(s, func() bool { return s.proven() })
	return s
}

// await waits until something is true of what the hub knows of a session.
func (w *world) await(s *session, true func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(testPatience)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		ok, changed := true(), s.waiter()
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			w.t.Fatal("waited in vain")
		}
	}
}

// poll waits for something that nobody tells of.
func poll(t *testing.T, what string, true func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(testPatience); !true(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// names are those of a list.
func names(list wire.ListReply) []string {
	var all []string
	for _, s := range list.Sessions {
		all = append(all, s.Name)
	}
	return slices.Clip(all)
}
