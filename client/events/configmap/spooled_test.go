package configmap

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/events/spool"
	"github.com/gascity/agentd/test/cluster"
)

func spooling(dir string) func(*Config) { return func(c *Config) { c.SpoolDir = dir } }

// keep records an event, which must be spooled.
func keep(t *testing.T, l *Log, message string) {
	t.Helper()
	got, err := l.Record(t.Context(), events.Record{Event: event(t, `{"message":%q}`, message), Spool: true})
	if err != nil || !got.Spooled || got.Seq != 0 {
		t.Fatalf("record %s: %+v, %v", message, got, err)
	}
}

func TestSpooledEventsAreStoredLaterInOrderAndOnce(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	dir := filepath.Join(t.TempDir(), "spool")
	away := newWay()
	l := open(t, c, ns, away.over, spooling(dir))
	w := watching(t, open(t, c, ns), 0)
	record(t, l, `{"message":"first"}`)
	away.set(func() { away.refuses = true })
	began := time.Now()
	want := "1:first"
	for i := range 5 {
		keep(t, l, fmt.Sprint(i))
		want += fmt.Sprintf(" %d:%d", i+2, i)
	}
	if took := time.Since(began); took > spoolPatience {
		t.Errorf("refused connections aren't enough: it took %v", took)
	}
	away.set(func() { away.refuses = false })
	if got := short(w.next(t, 6)); got != want {
		t.Errorf("the watch tells %s, want %s", got, want)
	}
	if got := list(t, open(t, c, ns), events.Filter{}, 0); got != want {
		t.Errorf("listed are %s", got)
	}
	if got, err := l.Record(t.Context(), events.Record{Event: event(t, `{}`), Spool: true}); err != nil || got.Seq != 7 && !got.Spooled {
		t.Errorf("the next: %+v, %v", got, err)
	}
}

func TestWhoeverComesLaterIsSpooledBehind(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	dir := filepath.Join(t.TempDir(), "spool")
	// Another process delivers, and is slow.
	s := spool.Open(dir)
	d, err := s.Claim()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), spool.Entry{Mark: "m", Event: event(t, `{"message":"first"}`)}); err != nil {
		t.Fatal(err)
	}
	l := open(t, c, ns, spooling(dir))
	keep(t, l, "second")
	d.Release()
	w := watching(t, l, 0)
	if got := short(w.next(t, 2)); got != "1:first 2:second" {
		t.Errorf("the watch tells %s", got)
	}
}

func TestADelivererThatDiesStoresNothingTwice(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]func(*way) (meets func(*http.Request) bool, loses bool){
		"before it stores": func(w *way) (func(*http.Request) bool, bool) { return to("POST", "/configmaps"), false },
		"after it stored":  func(w *way) (func(*http.Request) bool, bool) { return to("POST", "/configmaps"), true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cluster.Need(t)
			ns := c.Namespace(t)
			dir := filepath.Join(t.TempDir(), "spool")
			if err := open(t, c, ns).Ensure(t.Context()); err != nil {
				t.Fatal(err)
			}
			s := spool.Open(dir)
			for _, mark := range []string{"a", "b"} {
				if err := s.Append(t.Context(), spool.Entry{Mark: mark, Event: event(t, `{"message":%q}`, mark)}); err != nil {
					t.Fatal(err)
				}
			}
			w := newWay()
			meets, loses := lost(w)
			died := make(chan struct{})
			dies := once(meets)
			w.loses = func(r *http.Request) bool {
				if dies(r) {
					w.refuses = true // from then on nothing of it gets through
					close(died)
					return true
				}
				return false
			}
			w.unsent = !loses
			dying := open(t, c, ns, w.over, spooling(dir))
			<-died
			dying.Close()
			next := open(t, c, ns, spooling(dir))
			told := watching(t, next, 0)
			if got := short(told.next(t, 2)); got != "1:a 2:b" {
				t.Errorf("the watch tells %s", got)
			}
			if got := list(t, next, events.Filter{}, 0); got != "1:a 2:b" {
				t.Errorf("stored are %s", got)
			}
		})
	}
}

// silent is an API server that takes requests and answers none.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestASilentAPIServerIsWaitedForBeforeAnEventIsSpooled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "spool")
		l := refusing(t, spooling(dir), func(c *Config) { c.Rest.Transport = silent{} })
		defer l.Close()
		began := time.Now()
		keep(t, l, "a")
		if took := time.Since(began); took != spoolPatience {
			t.Errorf("it took %v", took)
		}
		began = time.Now()
		keep(t, l, "b")
		if took := time.Since(began); took > 10*time.Millisecond {
			t.Errorf("the next took %v", took)
		}
		if empty, err := spool.Open(dir).Empty(); empty || err != nil {
			t.Errorf("the spool is empty: %v, %v", empty, err)
		}
	})
}
