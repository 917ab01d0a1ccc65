package configmap

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// mark is a mark of its own for each number.
func mark(n int) string { return fmt.Sprint("mark-", n) }

func TestTakers(t *testing.T) {
	t.Parallel()
	began := time.UnixMilli(1_700_000_000_000)
	for name, test := range map[string]struct {
		swaps []int // of so many numbers, each 100 ms after the one before
		from  int   // the first number whose taker is still known
	}{
		"one":             {[]int{1}, 1},
		"a few":           {[]int{2, 3, 1}, 1},
		"old ones":        {[]int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 3},
		"many":            {[]int{30, 30, 5}, 31},
		"many in one":     {[]int{3, 1000}, 4},
		"after such many": {[]int{1000, 3}, 1001},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cm, next, now := &corev1.ConfigMap{}, 1, began
			for _, n := range test.swaps {
				var marks []string
				for i := range n {
					marks = append(marks, mark(next+i))
				}
				setTakers(cm, uint64(next), now, marks)
				next += n
				now = now.Add(100 * time.Millisecond)
			}
			known := taken(cm)
			for n := 1; n < next; n++ {
				r, has := known[taker(mark(n))]
				if has != (n >= test.from) || has && (r.seq != uint64(n) || r.at.Before(began) || r.at.After(now)) {
					t.Errorf("of %d is known %v: %+v", n, has, r)
				}
			}
			if size := len(cm.Annotations[annotationTakers]) / max(maxTakers, len(known)); size > 60 {
				t.Errorf("each takes %d bytes", size)
			}
		})
	}
}

func TestTakersThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "x", "{}", "[1]", `[{"first":-1}]`, `[{"first":"1"}]`, `[{"takers":{}}]`, "[", strings.Repeat("[", 1000)} {
		cm := &corev1.ConfigMap{}
		cm.Annotations = map[string]string{annotationTakers: text}
		if got := taken(cm); len(got) != 0 {
			t.Errorf("%.20q: %v", text, got)
		}
		setTakers(cm, 7, time.Now(), []string{"a"})
		if got := taken(cm); len(got) != 1 || got[taker("a")].seq != 7 {
			t.Errorf("after %.20q: %v", text, got)
		}
	}
}
