package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/events"
)

// record stores an event, which must succeed.
func record(t *testing.T, l *Log, mark, event string) uint64 {
	t.Helper()
	r, err := l.Record(t.Context(), events.Record{Event: []byte(event), Mark: mark})
	if err != nil {
		t.Fatal(err)
	}
	return r.Seq
}

func TestWhatIsRecordedComesBackByteForByte(t *testing.T) {
	t.Parallel()
	log := newMemory()
	_, l := newWorld(t, log)
	if err := l.Ensure(t.Context()); err != nil || log.ensured != 1 {
		t.Fatalf("ensure: %v, done %d times", err, log.ensured)
	}
	large := `{"type":"b","ts":"2026-01-02T03:04:05Z","message":"` + strings.Repeat("é", events.MaxEvent/2-100) + `"}`
	record(t, l, "1", `{"type":"a","ts":"2026-01-02T03:04:05Z","payload":{"n":1.0, "u":"\u003c"}}`)
	if seq := record(t, l, "2", large); seq != 2 {
		t.Fatalf("the second event's number is %d", seq)
	}
	list, err := l.List(t.Context(), events.Filter{}, 0)
	if err != nil || len(list) != 2 || !bytes.Contains(list[0].JSON, []byte(`"payload":{"n":1.0, "u":"\u003c"}`)) || string(list[1].JSON) != string(events.Number([]byte(large), 2)) {
		t.Fatalf("list gave %d events, %v", len(list), err)
	}
	for _, test := range []struct {
		filter events.Filter
		limit  int
		want   string
	}{
		{events.Filter{Type: "b"}, 0, "[2]"},
		{events.Filter{Actor: "x"}, 0, "[]"},
		{events.Filter{AfterSeq: 1}, 0, "[2]"},
		{events.Filter{Since: time.Date(2026, 1, 2, 3, 4, 5, 1, time.UTC)}, 0, "[]"},
		{events.Filter{}, 1, "[2]"},
	} {
		list, err := l.List(t.Context(), test.filter, test.limit)
		seqs := []uint64{}
		for _, e := range list {
			seqs = append(seqs, e.Seq)
		}
		if got := fmt.Sprint(seqs); err != nil || got != test.want {
			t.Errorf("%+v, at most %d: %s, %v, want %s", test.filter, test.limit, got, err, test.want)
		}
	}
	if seq, err := l.Latest(t.Context()); err != nil || seq != 2 {
		t.Errorf("latest: %d, %v", seq, err)
	}
}

func TestTheHubRefusesWhatIsNoEvent(t *testing.T) {
	t.Parallel()
	_, l := newWorld(t, newMemory())
	for _, test := range []struct {
		event, mark string
		code        wire.Code
	}{
		{`{}`, "", wire.CodeBadRequest},
		{`{}`, strings.Repeat("m", 257), wire.CodeBadRequest},
		{``, "m", wire.CodeBadRequest},
		{`[]`, "m", wire.CodeBadRequest},
		{`{"m":"` + strings.Repeat("x", 2<<20) + `"}`, "m", wire.CodeTooLarge},
	} {
		if _, err := l.Record(t.Context(), events.Record{Event: []byte(test.event), Mark: test.mark}); wire.CodeOf(err) != test.code {
			t.Errorf("%.20s under %.10q: %v, want %s", test.event, test.mark, err, test.code)
		}
	}
}

func TestARecordWhoseHubGoesAwayIsRepeatedWithItsMarkAndNumber(t *testing.T) {
	t.Parallel()
	log := newMemory()
	w, l := newWorld(t, log)
	heard := make(chan struct{})
	log.stored = sync.OnceFunc(func() { <-heard; w.lose() }) // what a killed hub has sent still comes; what this link holds when it is lost doesn't
	var told []uint64
	r, err := l.Record(t.Context(), events.Record{Event: []byte(`{"ts":"2026-01-02T03:04:05Z"}`), Mark: "m", Reserved: func(seq uint64) error {
		told = append(told, seq)
		close(heard)
		return nil
	}})
	if err != nil || r.Seq != 1 || fmt.Sprint(told) != "[1]" {
		t.Fatalf("recorded %+v, %v, told of %v", r, err, told)
	}
	if len(log.list) != 1 || len(log.records) != 2 || log.records[1].Seq != 1 || log.records[1].Mark != "m" {
		t.Errorf("%d events are stored, asked for %+v", len(log.list), log.records)
	}
}

func TestAnErrorOfTheLogIsTheCallers(t *testing.T) {
	t.Parallel()
	log := newMemory()
	_, l := newWorld(t, log)
	log.failing = func() error { return wire.Errorf(wire.CodeUnavailable, "no API server") }
	list, err := l.List(t.Context(), events.Filter{}, 0)
	if wire.CodeOf(err) != wire.CodeUnavailable || list != nil {
		t.Errorf("list: %v, %v", list, err)
	}
	if _, err := l.Latest(t.Context()); wire.CodeOf(err) != wire.CodeUnavailable {
		t.Errorf("latest: %v", err)
	}
	if _, err := l.Record(t.Context(), events.Record{Event: []byte("{}"), Mark: "m"}); wire.CodeOf(err) != wire.CodeUnavailable {
		t.Errorf("record: %v", err)
	}
}

func TestASpooledEventSaysSo(t *testing.T) {
	t.Parallel()
	_, l := newWorld(t, newMemory())
	if r, err := l.Record(t.Context(), events.Record{Event: []byte("{}"), Mark: "m", Spool: true}); err != nil || !r.Spooled || r.Seq != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestPruneCountsOverHubs(t *testing.T) {
	t.Parallel()
	log := newMemory()
	w, l := newWorld(t, log)
	told := make(chan struct{})
	log.stored = sync.OnceFunc(func() { <-told; w.lose() }) // after the first hub told of 1
	var last int
	n, err := l.Prune(t.Context(), events.Prune{OlderThan: time.Hour, Keep: 7, Deleted: func(n int) {
		if last == 0 {
			close(told)
		}
		last = n
	}})
	if err != nil || n != 8 || last != 3 {
		t.Errorf("%d deleted, %v, told of %d before", n, err, last)
	}
}

var errEnough = errors.New("enough")

func TestAWatchGoesOnWhereItsHubWentAway(t *testing.T) {
	t.Parallel()
	log := newMemory()
	w, l := newWorld(t, log)
	for i := range 5 {
		record(t, l, fmt.Sprint("m", i), `{"ts":"2026-01-02T03:04:05Z"}`)
	}
	var seen []uint64
	err := l.Watch(t.Context(), 2, func(e events.Event) error {
		seen = append(seen, e.Seq)
		switch {
		case e.Seq == 8:
			return errEnough
		case e.Seq >= 5: // the next one comes while another hub is asked
			w.lose()
			record(t, l, fmt.Sprint("n", e.Seq), `{"ts":"2026-01-02T03:04:05Z"}`)
		}
		return nil
	})
	if !errors.Is(err, errEnough) || fmt.Sprint(seen) != "[3 4 5 6 7 8]" {
		t.Errorf("seen %v, %v", seen, err)
	}
}

func TestAWatchWaitsForALogOutOfReachAndSaysSo(t *testing.T) {
	t.Parallel()
	log := newMemory()
	_, l := newWorld(t, log)
	record(t, l, "m", `{"ts":"2026-01-02T03:04:05Z"}`)
	faults := 3
	log.failing = func() error {
		if faults--; faults >= 0 {
			return wire.Errorf(wire.CodeUnavailable, "no API server")
		}
		return nil
	}
	said := 0
	l.Waits = func(error) { said++ }
	if err := l.Watch(t.Context(), 0, func(events.Event) error { return errEnough }); !errors.Is(err, errEnough) || said != 3 {
		t.Errorf("%v, said %d times", err, said)
	}
}

func TestAWatchGivesUpAHubThatDiesOfIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // it takes 10 s
		log := newMemory()
		w, l := newWorld(t, log)
		log.failing = func() error { w.lose(); return errors.New("killed") }
		if err := l.Watch(t.Context(), 0, func(events.Event) error { return nil }); err == nil || !strings.Contains(err.Error(), "the hub went away 10 times") || w.dials != 10 {
			t.Errorf("%v after %d connections", err, w.dials)
		}
	})
}

func TestAWatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	log := newMemory()
	_, l := newWorld(t, log)
	record(t, l, "m", `{"ts":"2026-01-02T03:04:05Z"}`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := l.Watch(ctx, 0, func(events.Event) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A watcher that doesn't read must hold up nobody else on its connection, and have no more under way than its window.
func TestASlowWatcherHoldsBackItselfAlone(t *testing.T) {
	t.Parallel()
	log := newMemory()
	_, l := newWorld(t, log)
	event := `{"ts":"2026-01-02T03:04:05Z","message":"` + strings.Repeat("x", 60<<10) + `"}`
	for i := range 20 {
		record(t, l, fmt.Sprint(i), event)
	}
	stuck, free := make(chan struct{}), make(chan struct{})
	var watching sync.WaitGroup
	var seen []uint64
	watching.Go(func() {
		err := l.Watch(t.Context(), 0, func(e events.Event) error {
			if len(seen) == 0 {
				close(stuck)
				<-free
			}
			if seen = append(seen, e.Seq); e.Seq == 20 {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			t.Errorf("watch: %v", err)
		}
	})
	<-stuck
	list, err := l.List(t.Context(), events.Filter{}, 0)
	if err != nil || len(list) != 20 {
		t.Errorf("list beside a slow watcher: %d events, %v", len(list), err)
	}
	close(free)
	watching.Wait()
	if len(seen) != 20 {
		t.Errorf("the slow watcher saw %v", seen)
	}
}
