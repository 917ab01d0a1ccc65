package hub

import (
	"context"
	"io"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func TestATerminalIsOpenedOnTheSessionsOwnLink(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(1, "")
	s.handlers[wire.OpAttach] = func(_ context.Context, x *mux.Exchange) (any, error) {
		typed, err := io.ReadAll(x)
		if err != nil {
			return nil, err
		}
		_, err = x.Write([]byte("echo of " + string(typed)))
		return wire.AttachReply{Detached: true}, err
	}
	w := newWorld(t, Options{}, s)
	call, err := w.hub.Attach(t.Context(), mux.Request{Op: wire.OpAttach, Session: "s", Body: wire.Attach{Term: "xterm"}})
	if err != nil {
		t.Fatal(err)
	}
	defer call.Cancel()
	if _, err := call.Write([]byte("keys")); err != nil {
		t.Fatal(err)
	}
	if err := call.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	shown, err := io.ReadAll(call)
	if err != nil || string(shown) != "echo of keys" {
		t.Errorf("shown %q, %v", shown, err)
	}
	var reply wire.AttachReply
	if err := call.Result(&reply); err != nil || !reply.Detached {
		t.Errorf("ended with %+v, %v", reply, err)
	}
	s.mu.Lock()
	links := len(s.conns)
	s.mu.Unlock()
	if links != 1 {
		t.Errorf("the session has %d links, not 1", links)
	}
}

func TestATerminalOfASessionThatIsNotThere(t *testing.T) {
	t.Parallel()
	ended := newFake(t, "ended")
	ended.condition = Ended
	foreign := newFake(t, "foreign")
	foreign.condition, foreign.why = Foreign, "it is a script's"
	w := newWorld(t, Options{}, ended, foreign)
	for name, code := range map[string]wire.Code{"nobody": wire.CodeNoSession, "ended": wire.CodeNoSession, "foreign": wire.CodeUnsupported} {
		if _, err := w.hub.Attach(t.Context(), mux.Request{Op: wire.OpAttach, Session: name}); wire.CodeOf(err) != code {
			t.Errorf("%s: %v, want %s", name, err, code)
		}
	}
}
