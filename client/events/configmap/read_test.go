package configmap

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/test/cluster"
)

// take takes a number.
func take(t *testing.T, l *Log) uint64 {
	t.Helper()
	taken, err := l.counter.take(t.Context(), []string{rand.Text()})
	if err != nil {
		t.Fatal(err)
	}
	return taken[0].seq
}

// slow is a writer that has taken a number and takes its time: it stores its event when it is told to.
func slow(t *testing.T, c *cluster.Cluster, ns string, l *Log) (seq uint64, store func()) {
	t.Helper()
	seq = take(t, l)
	return seq, func() {
		t.Helper()
		cm, err := newEvent(seq, event(t, `{"message":"slow"}`), "slow")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Client.CoreV1().ConfigMaps(ns).Create(t.Context(), cm, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNothingIsToldBehindASlowWriter(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	l, other := open(t, c, ns), open(t, c, ns)
	record(t, l, `{"message":"a"}`)
	w, there := watching(t, l, 0), watching(t, other, 0)
	w.next(t, 1)
	there.next(t, 1)
	began := time.Now()
	_, store := slow(t, c, ns, l)
	record(t, l, `{"message":"c"}`)
	short1s, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if found, err := l.List(short1s, events.Filter{}, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a list doesn't wait for the slow writer: %s, %v", short(found), err)
	}
	select {
	case e := <-w.told:
		t.Errorf("the watch tells of %d", e.Seq)
	default:
	}
	store()
	if got := list(t, l, events.Filter{}, 0); got != "1:a 2:slow 3:c" {
		t.Errorf("listed are %s", got)
	}
	for _, w := range []*watcher{w, there} {
		if got := short(w.next(t, 2)); got != "2:slow 3:c" {
			t.Errorf("a watch tells %s", got)
		}
	}
	if took := time.Since(began); took > gapTime {
		t.Errorf("it took %v", took)
	}
}

func TestADeadNumberAndItsLateEvent(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	l := open(t, c, ns)
	w := watching(t, l, 0)
	_, store := slow(t, c, ns, l)
	began := time.Now()
	record(t, l, `{"message":"b"}`)
	if got := short(w.next(t, 1)); got != "2:b" || time.Since(began) < gapTime-100*time.Millisecond || time.Since(began) > gapTime+3*time.Second {
		t.Errorf("after %v the watch tells %s", time.Since(began), got)
	}
	// Whoever begins now finds a gap that is old.
	began = time.Now()
	fresh := open(t, c, ns)
	if got := list(t, fresh, events.Filter{}, 0); got != "2:b" || time.Since(began) > time.Second {
		t.Errorf("after %v a fresh start lists %s", time.Since(began), got)
	}
	behind := watching(t, fresh, 2)
	store()
	if got := short(w.next(t, 1)); got != "1:slow" {
		t.Errorf("then the watch tells %s", got)
	}
	record(t, l, `{"message":"c"}`)
	if got := short(w.next(t, 1)) + " " + short(behind.next(t, 1)); got != "3:c 3:c" {
		t.Errorf("at last the watches tell %s", got)
	}
	if got := list(t, l, events.Filter{}, 0); got != "1:slow 2:b 3:c" {
		t.Errorf("listed are %s", got)
	}
}

func TestAYoungGapIsWaitedForAfterAFreshStart(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	l := open(t, c, ns)
	record(t, l, `{"message":"a"}`)
	_, store := slow(t, c, ns, l)
	last := take(t, l) // it dies, and the counter alone tells of its number
	fresh := open(t, c, ns)
	w := watching(t, fresh, 0)
	if got := short(w.next(t, 1)); got != "1:a" {
		t.Errorf("the watch begins with %s", got)
	}
	store()
	if got := short(w.next(t, 1)); got != "2:slow" {
		t.Errorf("it goes on with %s", got)
	}
	began := time.Now()
	if got, err := fresh.Latest(t.Context()); got != last || err != nil || time.Since(began) > gapTime+2*time.Second {
		t.Errorf("after %v the latest is %d, %v, want %d", time.Since(began), got, err, last)
	}
}

func TestAWatchGoesOnWhenItsConnectionDoesNot(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	way := newWay()
	l, other := open(t, c, ns, way.over), open(t, c, ns)
	w := watching(t, l, 0)
	var want []string
	for i := range 30 {
		seq := record(t, other, `{"message":"%d"}`, i)
		want = append(want, fmt.Sprintf("%d:%d", seq, i))
		switch {
		case i%10 == 3:
			w.next(t, 4)
			way.breakWatch(t, false)
		case i == 15:
			way.breakWatch(t, true)
		case i == 18:
			way.set(func() { way.refuses = false })
		case i%10 == 9:
			if got := short(w.next(t, 6)); got != strings.Join(want[i-5:], " ") {
				t.Fatalf("the watch tells %s, want %s", got, strings.Join(want[i-5:], " "))
			}
		}
	}
	if n := way.count("WATCH"); n < 4 {
		t.Errorf("there were %d watches", n)
	}
	select {
	case e := <-w.told:
		t.Errorf("the watch tells %d once more", e.Seq)
	default:
	}
}

func TestAWatchGoesOnFromAVersionThatIsGone(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	way := newWay()
	l, other := open(t, c, ns, way.over), open(t, c, ns)
	w := watching(t, l, 0)
	record(t, other, `{"message":"a"}`)
	w.next(t, 1)
	lists := 0
	old := once(isWatch)
	way.set(func() {
		way.changes = func(r *http.Request) {
			way.mu.Lock()
			defer way.mu.Unlock()
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/configmaps") && !isWatch(r) {
				lists++
			}
			if old(r) {
				q := r.URL.Query()
				q.Set("resourceVersion", "1")
				r.URL.RawQuery = q.Encode()
			}
		}
	})
	way.breakWatch(t, false)
	record(t, other, `{"message":"b"}`)
	record(t, other, `{"message":"c"}`)
	if got := short(w.next(t, 2)); got != "2:b 3:c" {
		t.Errorf("the watch tells %s", got)
	}
	way.set(func() {
		if lists == 0 {
			t.Error("the version wasn't gone")
		}
	})
}

func TestReadersWaitForAWatchThatIsMadeAnew(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	way := newWay()
	l := open(t, c, ns, way.over)
	record(t, l, `{"message":"a"}`)
	if got := list(t, l, events.Filter{}, 0); got != "1:a" {
		t.Fatal(got)
	}
	way.breakWatch(t, false)
	if got := list(t, l, events.Filter{}, 0); got != "1:a" {
		t.Error(got)
	}
	way.breakWatch(t, true)
	// What is known of the outage may be told a moment later.
	for began := time.Now(); ; {
		found, err := l.List(t.Context(), events.Filter{}, 0)
		if refusedConnection(err) && found == nil {
			break
		}
		if time.Since(began) > 10*time.Second {
			t.Fatalf("without an API server: %s, %v", short(found), err)
		}
	}
	way.set(func() { way.refuses = false })
	if got := list(t, l, events.Filter{}, 0); got != "1:a" {
		t.Error(got)
	}
}

func TestLargeEventsAreStoredAndListedWhole(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	l := open(t, c, ns)
	large := strings.Repeat("x", events.MaxEvent-100)
	for range 12 { // together more than a page has
		record(t, l, `{"message":%q}`, large)
	}
	for _, l := range []*Log{l, open(t, c, ns)} {
		found, err := l.List(t.Context(), events.Filter{}, 0)
		if err != nil || len(found) != 12 || found[11].Message != large {
			t.Fatalf("listed are %d, %v", len(found), err)
		}
	}
}

func TestForeignConfigMapsDoNoHarm(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	l := open(t, c, ns)
	record(t, l, `{"message":"a"}`)
	for name, text := range map[string]string{"gc-evt-0000000002": "no JSON", "gc-evt-x": "{}", "gc-evt-0000000003": `{"seq":7,"message":"odd"}`, "gc-evt-0000000004": ""} {
		cm, err := newEvent(1, event(t, `{}`), "")
		if err != nil {
			t.Fatal(err)
		}
		cm.Name, cm.Data[eventKey] = name, text
		if _, err := c.Client.CoreV1().ConfigMaps(ns).Create(t.Context(), cm, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range []*Log{l, open(t, c, ns)} {
		if seq := record(t, l, `{"message":"b"}`); seq < 5 {
			t.Errorf("an event has number %d", seq)
		}
		if got := list(t, l, events.Filter{}, 0); !strings.HasPrefix(got, "1:a 3:odd 5:b") {
			t.Errorf("listed are %s", got)
		}
	}
}
