package hub

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func TestAListIsInOrderAndHoldsWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	var all []*fakeSession
	for i, name := range []string{"b/2", "a", "B", "b/10", "ü", "b", "ended"} {
		s := newFake(t, name).running(1, "")
		s.record.City = []string{"east", "west"}[i%2]
		if name == "ended" {
			s.condition, s.refuses = Ended, errors.New("nobody listens")
		}
		all = append(all, s)
	}
	w := newWorld(t, Options{}, all...)
	for range 3 {
		for _, test := range []struct {
			query wire.List
			want  []string
		}{
			{wire.List{}, []string{"B", "a", "b", "b/10", "b/2", "ü"}},
			{wire.List{All: true}, []string{"B", "a", "b", "b/10", "b/2", "ended", "ü"}},
			{wire.List{Prefix: "b"}, []string{"b", "b/10", "b/2"}},
			{wire.List{Prefix: "b/"}, []string{"b/10", "b/2"}},
			{wire.List{City: "west"}, []string{"a", "b", "b/10"}},
			{wire.List{City: "west", Prefix: "b"}, []string{"b", "b/10"}},
			{wire.List{City: "north"}, nil},
			{wire.List{Prefix: "no"}, nil},
		} {
			var list wire.ListReply
			if err := w.ask(wire.OpList, "", test.query, &list); err != nil {
				t.Fatal(err)
			}
			if got := names(list); !slices.Equal(got, test.want) {
				t.Errorf("%+v: got %q, want %q", test.query, got, test.want)
			}
		}
	}
}

func TestAListIsToldFromWhatWasPushed(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(1, "")
	w := newWorld(t, Options{}, s)
	w.linked("s")
	asked := s.count(wire.OpState)
	for range 5 {
		var list wire.ListReply
		if err := w.ask(wire.OpList, "", nil, &list); err != nil || len(list.Sessions) != 1 || list.Sessions[0].State != wire.StateRunning {
			t.Fatalf("%+v, %v", list, err)
		}
	}
	if now := s.count(wire.OpState); now != asked {
		t.Errorf("agentd was asked %d times", now-asked)
	}
}

func TestAListSeesWhatCameAndWentWithoutThisHub(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	var list wire.ListReply
	if err := w.ask(wire.OpList, "", nil, &list); err != nil || len(list.Sessions) != 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	s := w.backend.add(newFake(t, "s").running(1, ""))
	if err := w.ask(wire.OpList, "", nil, &list); err != nil || len(list.Sessions) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := s.Remove(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	// Its link ends by itself; until that is seen it is listed as what it was, or as ended.
	deadline := time.NewTimer(testPatience)
	defer deadline.Stop()
	for {
		changed := w.hub.change()
		list = wire.ListReply{}
		if err := w.ask(wire.OpList, "", wire.List{All: true}, &list); err != nil {
			t.Fatal(err)
		}
		if len(list.Sessions) == 0 {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("still listed: %+v", list)
		}
	}
}

// The list of a hub that never reached a session names it all the same: gc would start it anew.
func TestASessionOutOfReachIsListedAsLost(t *testing.T) {
	t.Parallel()
	want := map[string]wire.State{"a": wire.StateRunning, "b": wire.StateRunning, "c": "", "sound": wire.StateRunning}
	sessions := map[string]*fakeSession{}
	for name, condition := range map[string]Condition{"a": Reachable, "b": Orphaned, "c": Making} {
		s := newFake(t, name)
		s.condition, s.refuses, s.revives = condition, errors.New("no way there"), errors.New("no new agentd either")
		sessions[name] = s
	}
	w := newWorld(t, Options{}, sessions["a"], sessions["b"], sessions["c"], newFake(t, "sound").running(1, ""))
	var list wire.ListReply
	if err := w.ask(wire.OpList, "", nil, &list); err != nil || !slices.Equal(names(list), []string{"a", "b", "c", "sound"}) {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, got := range list.Sessions {
		if got.State != want[got.Name] || (got.Lost == "") != (got.Name == "sound") {
			t.Errorf("got %+v, want the state %q and why it is lost", got, want[got.Name])
		}
	}
}

func TestAWatchedListIsPushedWhenItChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, newFake(t, "a").running(1, ""))
	call, err := w.conn.Open(t.Context(), mux.Request{Op: wire.OpWatchList, Body: wire.List{}})
	if err != nil {
		t.Fatal(err)
	}
	defer call.Cancel()
	until := func(want ...string) {
		t.Helper()
		for {
			push, err := call.NextPush()
			if err != nil {
				t.Fatal(err)
			}
			var list wire.ListReply
			if err := decode(push, &list); err != nil {
				t.Fatal(err)
			}
			if slices.Equal(names(list), want) {
				return
			}
		}
	}
	until("a")
	b := w.backend.add(newFake(t, "b").running(1, "")) // by another process
	until("a", "b")
	b.end(0)
	until("a")
}
