package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// fakeHub answers for agents in states that real ones are seldom in.
type fakeHub struct {
	list    []wire.Info
	listErr error
	agents  map[string]error // what a question to it comes to
}

func (h fakeHub) Call(_ context.Context, r mux.Request, reply any, _ bool) error {
	if r.Op != wire.OpList {
		return h.agents[r.Session]
	}
	text, err := json.Marshal(wire.ListReply{Sessions: h.list})
	if err != nil {
		return err
	}
	return errors.Join(json.Unmarshal(text, reply), h.listErr)
}

func session(name, city string, state wire.State) wire.Info {
	return wire.Info{Name: name, City: city, Status: wire.Status{State: state}}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hub  fakeHub
		want []string // each finding's status, and something of its text
	}{
		"none":        {fakeHub{}, []string{"ok no session"}},
		"no list":     {fakeHub{listErr: errors.New("broken")}, []string{"failed can't be listed: broken"}},
		"ended":       {fakeHub{list: []wire.Info{session("a", "", wire.StateExited)}}, []string{"ok no session lives, 1 ended"}},
		"all answer":  {fakeHub{list: []wire.Info{session("a", "", wire.StateRunning), session("b", "", wire.StateStaging)}}, []string{"ok 2 sessions", `ok "a" answers in`, `ok "b" answers in`}},
		"one is lost": {fakeHub{list: []wire.Info{session("a", "", wire.StateRunning)}, agents: map[string]error{"a": wire.Errorf(wire.CodeUnavailable, "gone")}}, []string{"ok one session", `failed "a" does not answer: gone`}},
		"one has no agentd": {
			fakeHub{list: []wire.Info{session("a", "", wire.StateRunning)}, agents: map[string]error{"a": wire.Errorf(wire.CodeUnsupported, "session \"a\" has no agentd: the script made it")}},
			[]string{"ok one session", `warning session "a" has no agentd: the script made it`},
		},
		"one has just ended": {fakeHub{list: []wire.Info{session("a", "", wire.StateRunning)}, agents: map[string]error{"a": wire.Errorf(wire.CodeNoSession, "ended")}}, []string{"ok one session", `ok "a" has just ended`}},
		"two cities": {
			fakeHub{list: []wire.Info{session("a", "/x", wire.StateRunning), session("b", "/y", wire.StateExited), session("c", "", wire.StateExited)}},
			[]string{"ok one session", `ok "a"`, "warning 2 cities: /x, /y"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := Sessions(c.hub, "gcctl -n gc").Run(t.Context())
			if len(found) != len(c.want) {
				t.Fatalf("%+v, want %q", found, c.want)
			}
			for i, f := range found {
				status, text, _ := strings.Cut(c.want[i], " ")
				if string(f.Status) != status || !strings.Contains(f.Text, text) || (f.Hint == "") != (status == "ok") {
					t.Errorf("%+v, want %q", f, c.want[i])
				}
			}
		})
	}
}
