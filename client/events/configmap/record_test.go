package configmap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/test/cluster"
)

func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lost func(*http.Request) bool
		seq  uint64
	}{
		"of storing the event":  {to("POST", "/configmaps"), 2},
		"of taking the number":  {to("PUT", "/gc-events-seq"), 2},
		"of asking whose it is": {func(r *http.Request) bool { return to("GET", "/gc-evt-0000000002")(r) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cluster.Need(t)
			ns := c.Namespace(t)
			w := newWay()
			l := open(t, c, ns, w.over)
			record(t, l, `{"message":"a"}`)
			stored := once(to("POST", "/configmaps"))
			w.set(func() {
				lost := once(test.lost)
				w.loses = func(r *http.Request) bool {
					return lost(r) || strings.HasPrefix(name, "of asking") && stored(r)
				}
			})
			if seq := record(t, l, `{"message":"b"}`); seq != test.seq {
				t.Errorf("it has number %d, want %d", seq, test.seq)
			}
			if got, want := list(t, l, events.Filter{}, 0), fmt.Sprintf("1:a %d:b", test.seq); got != want {
				t.Errorf("stored are %s, want %s", got, want)
			}
		})
	}
}

func TestAServerThatDoesNotKnowTheRolesYet(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	w := newWay()
	l := open(t, c, ns, w.over)
	w.set(func() {
		first := once(to("GET", "/gc-events-seq"))
		w.changes = func(r *http.Request) {
			if first(r) {
				r.Header.Set("Impersonate-User", "nobody")
			}
		}
	})
	if seq := record(t, l, `{"message":"a"}`); seq != 1 {
		t.Errorf("it has number %d", seq)
	}
	w.set(func() { w.changes = func(r *http.Request) { r.Header.Set("Impersonate-User", "nobody") } })
	if _, err := l.Record(t.Context(), events.Record{Event: event(t, `{"message":"b"}`)}); !apierrors.IsForbidden(err) {
		t.Errorf("without any right: %v", err)
	}
}

func TestARepeatWithItsNumberAndMark(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	first, second := open(t, c, ns), open(t, c, ns)
	told := uint64(0)
	r := events.Record{Event: event(t, `{"message":"a"}`), Mark: "mark-a", Reserved: func(seq uint64) error { told = seq; return nil }}
	got, err := first.Record(t.Context(), r)
	if err != nil || got.Seq != 1 || told != 1 {
		t.Fatalf("the first has %+v, %v, and was told %d", got, err, told)
	}
	r.Seq = told
	if got, err := second.Record(t.Context(), r); err != nil || got.Seq != 1 {
		t.Errorf("its repeat has %+v, %v", got, err)
	}
	// Its hub died after the swap, before anything was stored.
	r = events.Record{Event: event(t, `{"message":"b"}`), Mark: "mark-b", Reserved: func(uint64) error { return errors.New("the hub is dead") }}
	if _, err := first.Record(t.Context(), r); err == nil || !strings.Contains(err.Error(), "dead") {
		t.Errorf("a caller that couldn't be told: %v", err)
	}
	r.Seq, r.Reserved = 2, nil
	if got, err := second.Record(t.Context(), r); err != nil || got.Seq != 2 {
		t.Errorf("its repeat has %+v, %v", got, err)
	}
	// Another event has the number.
	r = events.Record{Event: event(t, `{"message":"c"}`), Mark: "mark-c", Seq: 2, Reserved: func(seq uint64) error { told = seq; return nil }}
	if got, err := second.Record(t.Context(), r); err != nil || got.Seq != 3 || told != 3 {
		t.Errorf("one with another's number has %+v, %v, and was told %d", got, err, told)
	}
	if got := list(t, first, events.Filter{}, 0); got != "1:a 2:b 3:c" {
		t.Errorf("stored are %s", got)
	}
}

// Its hub is killed when the swap is done, before anybody is told.
func TestARepeatWhoseNumberNobodyHeardOf(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	w := newWay()
	first, second := open(t, c, ns, w.over), open(t, c, ns)
	record(t, first, `{"message":"a"}`)
	ctx, kill := context.WithCancel(t.Context())
	w.set(func() {
		swapped, done := to("PUT", "/gc-events-seq"), false
		w.loses = func(r *http.Request) bool {
			if done { // the swap was
				kill()
				return true
			}
			done = swapped(r)
			return done
		}
	})
	r := events.Record{Event: event(t, `{"message":"b"}`), Mark: "mark-b"}
	if got, err := first.Record(ctx, r); err == nil {
		t.Fatalf("although its answer was lost, it has %+v", got)
	}
	record(t, second, `{"message":"c"}`) // others go on
	for range 2 {
		if got, err := second.Record(t.Context(), r); err != nil || got.Seq != 2 {
			t.Errorf("its repeat has %+v, %v", got, err)
		}
	}
	if got := list(t, second, events.Filter{}, 0); got != "1:a 2:b 3:c" {
		t.Errorf("stored are %s", got)
	}
}

func TestACallersNumberIsOnItsWayBeforeItsEvent(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	l := open(t, c, ns)
	_, err := l.Record(t.Context(), events.Record{Event: event(t, `{}`), Reserved: func(seq uint64) error {
		if _, err := c.Client.CoreV1().ConfigMaps(ns).Get(t.Context(), eventName(seq), metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("when its caller is told, number %d is stored already: %v", seq, err)
		}
		return nil
	}})
	if err != nil {
		t.Error(err)
	}
}

func TestTheCounterIsMadeAnew(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*testing.T, *cluster.Cluster, string){
		"when it was deleted": func(t *testing.T, c *cluster.Cluster, ns string) {
			c.Run(t, "-n", ns, "delete", "configmap", "gc-events-seq")
		},
		"when it went back": func(t *testing.T, c *cluster.Cluster, ns string) {
			c.Run(t, "-n", ns, "patch", "configmap", "gc-events-seq", "-p", `{"data":{"seq":"0"}}`)
		},
		"when it is no number": func(t *testing.T, c *cluster.Cluster, ns string) {
			c.Run(t, "-n", ns, "patch", "configmap", "gc-events-seq", "-p", `{"data":{"seq":"x"}}`)
		},
		"when it has lost its labels": func(t *testing.T, c *cluster.Cluster, ns string) {
			c.Run(t, "-n", ns, "label", "configmap", "gc-events-seq", "gc/component-")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cluster.Need(t)
			ns := c.Namespace(t)
			l := open(t, c, ns)
			for range 3 {
				record(t, l, `{"message":"a"}`)
			}
			spoil(t, c, ns)
			if seq := record(t, open(t, c, ns), `{"message":"b"}`); seq != 4 {
				t.Errorf("another's next has number %d", seq)
			}
			if seq := record(t, l, `{"message":"c"}`); seq != 5 {
				t.Errorf("its own next has number %d", seq)
			}
			if got := list(t, l, events.Filter{}, 0); got != "1:a 2:a 3:a 4:b 5:c" {
				t.Errorf("stored are %s", got)
			}
		})
	}
}

func TestAScriptWritesAlong(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	l := open(t, c, ns)
	if err := l.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := watching(t, open(t, c, ns), 0)
	var want []string
	for range 4 {
		// It is overtaken between its steps: after it has read the counter, and after it has taken its number.
		n := len(want)
		overtaken := false
		seq := script(t, c, ns, func(step string) {
			if step == "read" && overtaken {
				return
			}
			overtaken = true
			record(t, l, `{"type":"x","message":"hub"}`)
		})
		want = append(want, fmt.Sprintf("%d:hub", n+1), fmt.Sprintf("%d:script", n+2), fmt.Sprintf("%d:hub", n+3))
		if seq != uint64(n+2) {
			t.Errorf("the script has number %d, want %d", seq, n+2)
		}
	}
	if got := short(w.next(t, len(want))); got != strings.Join(want, " ") {
		t.Errorf("the watch tells %s\nwant %s", got, strings.Join(want, " "))
	}
	if got := list(t, l, events.Filter{Actor: "s"}, 0); got != "2:script 5:script 8:script 11:script" {
		t.Errorf("of the script are %s", got)
	}
}

// script records an event by the steps of gc's script, and gives its number. After each step it says what it has done. It tries again where it was overtaken.
func script(t *testing.T, c *cluster.Cluster, ns string, done func(step string)) uint64 {
	t.Helper()
	for {
		var counter corev1.ConfigMap
		if err := json.Unmarshal([]byte(c.Run(t, "-n", ns, "get", "configmap", "gc-events-seq", "-o", "json")), &counter); err != nil {
			t.Fatal(err)
		}
		done("read")
		seq, _ := counterSeq(&counter)
		seq++
		if err := replace(c, ns, fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"gc-events-seq","resourceVersion":%q,
			"labels":{"app.kubernetes.io/managed-by":"gascity","gc/component":"event-seq"}},"data":{"seq":"%d"}}`, counter.ResourceVersion, seq)); err != nil {
			continue
		}
		done("taken")
		c.RunWith(t, fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"gc-evt-%010d",
			"labels":{"app.kubernetes.io/managed-by":"gascity","gc/component":"event","gc/type":"x","gc/actor":"s"}},
			"data":{"event":"{\"seq\":%d,\"type\":\"x\",\"ts\":\"2026-01-02T03:04:05Z\",\"actor\":\"s\",\"message\":\"script\"}"}}`, seq, seq),
			"-n", ns, "create", "-f", "-")
		return seq
	}
}

// refusingWay is one to no API server.
func refusingWay() *way {
	w := newWay()
	w.refuses = true
	return w
}

// refusing is a log in front of an API server that refuses connections, also in a bubble of testing/synctest.
func refusing(t *testing.T, change ...func(*Config)) *Log {
	t.Helper()
	config := Config{Rest: &rest.Config{Host: "https://api.test", Transport: refusingWay()}, Namespace: "gc"}
	for _, do := range change {
		do(&config)
	}
	l, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAnAPIServerThatRefusesIsTriedFor10s(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := refusing(t)
		defer l.Close()
		began := time.Now()
		_, err := l.Record(t.Context(), events.Record{Event: event(t, `{}`)})
		if took := time.Since(began); !refusedConnection(err) || took < patience || took > patience+2*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began = time.Now()
		_, err = l.Record(ctx, events.Record{Event: event(t, `{}`)})
		if took := time.Since(began); err == nil || took != 3*time.Second {
			t.Errorf("a caller that has less time is told after %v: %v", took, err)
		}
	})
}

func TestReadersAreToldThatTheAPIServerIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := refusing(t)
		defer l.Close()
		began := time.Now()
		found, err := l.List(t.Context(), events.Filter{}, 0)
		if took := time.Since(began); !refusedConnection(err) || found != nil || took != remakeTime {
			t.Errorf("a list after %v: %v, %v", took, found, err)
		}
		if _, err := l.Latest(t.Context()); !refusedConnection(err) {
			t.Errorf("the latest number: %v", err)
		}
		began = time.Now()
		err = l.Watch(t.Context(), 0, func(events.Event) error { return nil })
		if took := time.Since(began); !refusedConnection(err) || took != patience {
			t.Errorf("a watch ends after %v: %v", took, err)
		}
	})
}

func TestTheBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var taken []int
		next := uint64(1)
		var running sync.WaitGroup
		b := newBatch(func(ctx context.Context, marks []string) ([]reservation, error) {
			time.Sleep(time.Second) // of the bubble's clock
			taken = append(taken, len(marks))
			if len(taken) == 3 {
				return nil, errors.New("no")
			}
			all := make([]reservation, len(marks))
			for i := range all {
				all[i].seq = next
				next++
			}
			return all, nil
		}, func(run func(context.Context)) { running.Go(func() { run(t.Context()) }) })
		seen := map[uint64]int{}
		failed := 0
		var mu sync.Mutex
		reserve := func(ctx context.Context) {
			running.Go(func() {
				r := b.reserve(ctx, "mark")
				mu.Lock()
				defer mu.Unlock()
				if r.err != nil {
					failed++
				} else {
					seen[r.seq]++
				}
			})
		}
		reserve(t.Context())
		synctest.Wait()
		for range 9 {
			reserve(t.Context())
		}
		left, leave := context.WithCancel(t.Context())
		reserve(left)
		synctest.Wait()
		leave()
		time.Sleep(1500 * time.Millisecond)
		for range 4 { // their swap fails
			reserve(t.Context())
		}
		running.Wait()
		if got := fmt.Sprint(taken); got != "[1 9 4]" {
			t.Errorf("swaps took %s", got)
		}
		if len(seen) != 10 || failed != 5 {
			t.Errorf("given out are %v, and %d have none", seen, failed)
		}
		for seq, times := range seen {
			if times != 1 || seq == 0 || seq > 10 {
				t.Errorf("%d was given out %d times", seq, times)
			}
		}
	})
}

func TestLabels(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"bead.created": "bead.created", "": "", "  ": "", "_a_": "a", "gastown/mayor": "gastown-mayor", "é": "", "a\nb": "a-b",
		strings.Repeat("x", 62) + ".y": strings.Repeat("x", 62), strings.Repeat("y", 70): strings.Repeat("y", 63),
	} {
		if got := labelValue(text); got != want {
			t.Errorf("of %q: %q, want %q", text, got, want)
		}
	}
}
