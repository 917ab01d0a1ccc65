package configmap

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/gascity/agentd/test/cluster"
)

// who is a taker of its own for each number.
func who(n int) string { return taker(fmt.Sprint("mark-", n)) }

func TestTakers(t *testing.T) {
	t.Parallel()
	began := time.UnixMilli(1_700_000_000_000)
	for name, test := range map[string]struct {
		swaps int // so many
		of    int // each of so many numbers
		from  int // the first one, from 1 on, whose taker is still known
	}{
		"one":                 {1, 1, 1},
		"a few":               {3, 2, 1},
		"many":                {70, 1, 7},
		"many in a few":       {3, 30, 31},
		"many in one":         {1, 1000, 1},
		"many in each of two": {2, 1000, 1001},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const before = 4_000_000_000
			cm, next, now := &corev1.ConfigMap{}, 1, began
			for range test.swaps {
				var takers []string
				for range test.of {
					takers = append(takers, who(next))
					next++
				}
				setTakers(cm, before+uint64(next-test.of), now, takers)
				now = now.Add(10 * time.Millisecond)
			}
			known := lastTakers(cm)
			for n := 1; n < next; n++ {
				r, has := known[who(n)]
				if has != (n >= test.from) || has && (r.seq != before+uint64(n) || !r.at.Equal(began.Add(time.Duration((n-1)/test.of)*10*time.Millisecond))) {
					t.Errorf("of %d is known %v: %+v", n, has, r)
				}
			}
			if size := len(cm.Annotations[annotationTakers]); size > max(maxTakers*70, test.of*15) {
				t.Errorf("it takes %d bytes", size)
			}
		})
	}
}

func TestATakersNumberIsItsOwnAsLongAsReadersWaitForIt(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := &counter{doubted: 3, takers: map[string]reservation{
		who(3): {seq: 3, at: now}, who(4): {seq: 4, at: now.Add(-time.Second)}, who(5): {seq: 5, at: now.Add(-reservationTime)}, who(6): {seq: 6, at: now.Add(time.Hour)},
	}}
	all := make([]reservation, 5)
	without := c.again([]string{who(3), who(4), who(5), who(6), who(7)}, all)
	if got, want := fmt.Sprint(without), fmt.Sprint([]string{who(3), who(5), who(6), who(7)}); got != want {
		t.Errorf("without a number are %s, want %s", got, want)
	}
	for i, r := range all {
		if want := []uint64{0, 4, 0, 0, 0}[i]; r.seq != want {
			t.Errorf("%d has number %d", i+3, r.seq)
		}
	}
}

func TestTakersAndOthersInOneSwapThatIsOvertaken(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	l, other := open(t, c, ns), open(t, c, ns)
	take := func(l *Log, want string, marks ...string) {
		t.Helper()
		all, err := l.counter.take(t.Context(), marks)
		if err != nil {
			t.Fatal(err)
		}
		var seqs []uint64
		for _, r := range all {
			seqs = append(seqs, r.seq)
		}
		if got := fmt.Sprint(seqs); got != want {
			t.Errorf("%s have %s, want %s", marks, got, want)
		}
	}
	take(other, "[1 2]", "a", "b")
	if err := l.Ensure(t.Context()); err != nil { // it reads the counter
		t.Fatal(err)
	}
	take(other, "[3]", "c")
	take(l, "[4 2 3 1 5]", "d", "b", "c", "a", "e")
	take(other, "[6 4]", "f", "d")
}

func TestTakersThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "x", "{}", "[1]", `[{"first":-1}]`, `[{"first":"1"}]`, `[{"takers":{}}]`, "[", strings.Repeat("[", 1000)} {
		cm := &corev1.ConfigMap{}
		cm.Annotations = map[string]string{annotationTakers: text}
		if got := lastTakers(cm); len(got) != 0 {
			t.Errorf("%.20q: %v", text, got)
		}
		setTakers(cm, 7, time.Now(), []string{"a"})
		if got := lastTakers(cm); len(got) != 1 || got["a"].seq != 7 {
			t.Errorf("after %.20q: %v", text, got)
		}
	}
}
