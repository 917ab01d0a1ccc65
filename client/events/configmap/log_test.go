package configmap

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/test/cluster"
)

func TestAnEventIsStoredInTheScriptsLayout(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	l := open(t, c, ns)
	if err := l.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	maps := c.Client.CoreV1().ConfigMaps(ns)
	counter, err := maps.Get(t.Context(), "gc-events-seq", metav1.GetOptions{})
	if err != nil || counter.Data["seq"] != "0" || counter.Labels["app.kubernetes.io/managed-by"] != "gascity" || counter.Labels["gc/component"] != "event-seq" {
		t.Fatalf("the counter is %+v, %v", counter, err)
	}
	if err := l.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	record(t, l, `{"type":"a/b c","actor":"  ","ts":"2026-01-02T03:04:05.5+07:00","payload":{"n":1.00, "s":"\u003c"}}`)
	stored, err := maps.Get(t.Context(), "gc-evt-0000000001", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"seq":1,"type":"a/b c","actor":"  ","ts":"2026-01-02T03:04:05.5+07:00","payload":{"n":1.00, "s":"\u003c"}}`
	if stored.Data["event"] != want {
		t.Errorf("stored is %s\nwant %s", stored.Data["event"], want)
	}
	if got := fmt.Sprint(stored.Labels); got != "map[app.kubernetes.io/managed-by:gascity gc/component:event gc/type:a-b-c]" {
		t.Errorf("the labels are %s", got)
	}
	found, err := l.List(t.Context(), events.Filter{Type: "a/b c"}, 0)
	if err != nil || len(found) != 1 || string(found[0].JSON) != want {
		t.Errorf("listed are %+v, %v", found, err)
	}
}

func TestALogThatNeverHadAnEvent(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	l := open(t, c, c.Namespace(t))
	if got := list(t, l, events.Filter{}, 0); got != "" {
		t.Errorf("listed are %s", got)
	}
	if got, err := l.Latest(t.Context()); got != 0 || err != nil {
		t.Errorf("latest is %d, %v", got, err)
	}
}

func TestFiltersAndLimits(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	l := open(t, c, ns)
	for i, actor := range []string{"a/b", "a b", "a/b", "c"} {
		record(t, l, `{"type":"x","actor":%q,"message":"%d","ts":"2026-01-02T03:04:0%d.25Z"}`, actor, i, i)
	}
	for _, l := range []*Log{l, open(t, c, ns)} {
		for _, test := range []struct {
			filter events.Filter
			limit  int
			want   string
		}{
			{events.Filter{}, 0, "1:0 2:1 3:2 4:3"},
			{events.Filter{}, 2, "3:2 4:3"},
			{events.Filter{Actor: "a/b"}, 0, "1:0 3:2"},
			{events.Filter{Actor: "a/b"}, 1, "3:2"},
			{events.Filter{AfterSeq: 2}, 0, "3:2 4:3"},
			{events.Filter{AfterSeq: 9}, 0, ""},
			{events.Filter{Since: time.Date(2026, 1, 2, 5, 4, 2, 250_000_000, time.FixedZone("", 7200))}, 0, "3:2 4:3"},
		} {
			if got := list(t, l, test.filter, test.limit); got != test.want {
				t.Errorf("%+v, %d: %s, want %s", test.filter, test.limit, got, test.want)
			}
		}
	}
}

func TestManyWritersOfTwoHubs(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	const writers, each = 20, 15
	hubs := []*Log{open(t, c, ns), open(t, c, ns)}
	w := watching(t, open(t, c, ns), 0)
	var writing sync.WaitGroup
	var mu sync.Mutex
	messages := map[uint64]string{}
	for i := range writers {
		writing.Go(func() {
			for n := range each {
				message := fmt.Sprintf("%d.%d", i, n)
				got, err := hubs[i%2].Record(t.Context(), events.Record{Event: event(t, `{"type":"x","message":%q}`, message)})
				if err != nil {
					t.Errorf("record %s: %v", message, err)
					return
				}
				mu.Lock()
				messages[got.Seq] = message
				mu.Unlock()
			}
		})
	}
	writing.Wait()
	if len(messages) != writers*each {
		t.Fatalf("%d numbers for %d events", len(messages), writers*each)
	}
	last := uint64(0)
	for _, e := range w.next(t, writers*each) {
		if e.Seq <= last || messages[e.Seq] != e.Message {
			t.Fatalf("after %d the watch tells %d: %s, recorded was %q", last, e.Seq, e.Message, messages[e.Seq])
		}
		last = e.Seq
	}
	for _, l := range hubs {
		if got := strings.Count(list(t, l, events.Filter{}, 0), ":"); got != writers*each {
			t.Errorf("a hub lists %d events", got)
		}
	}
}
