package jsonl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gascity/agentd/client/events"
)

// watch watches a log until the test ends, and gives what it sees.
func watch(t *testing.T, l *Log, after uint64) <-chan uint64 {
	t.Helper()
	seen := make(chan uint64, 10_000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- l.Watch(ctx, after, func(e events.Event) error {
			seen <- e.Seq
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the watch ended: %v", err)
		}
	})
	return seen
}

func expect(t *testing.T, seen <-chan uint64, want ...uint64) {
	t.Helper()
	for i, n := range want {
		select {
		case got := <-seen:
			if got != n {
				t.Fatalf("event %d is %d, want %d of %v", i, got, n, want)
			}
		case <-t.Context().Done():
			t.Fatal("the test is over")
		}
	}
}

func TestWatchReplaysAndFollows(t *testing.T) {
	t.Parallel()
	l := logIn(t)
	seen := watch(t, l, 0) // there is no file yet, and no folder
	for i := range 5 {
		add(t, l, "a", i)
	}
	expect(t, seen, 1, 2, 3, 4, 5)
	later := watch(t, l, 3)
	expect(t, later, 4, 5)
	add(t, l, "a", strings.Repeat("x", 5*chunk))
	expect(t, seen, 6)
	expect(t, later, 6)
}

func TestWatchEndsWithAnErrorOfItsCaller(t *testing.T) {
	t.Parallel()
	l := logIn(t)
	add(t, l, "a", 1)
	enough := errors.New("enough")
	if err := l.Watch(t.Context(), 0, func(events.Event) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("ended with %v", err)
	}
}

func TestWatchSeesEachEventOnceWhileTheLogIsPruned(t *testing.T) {
	t.Parallel()
	l := logIn(t)
	seen := watch(t, l, 0)
	add(t, l, "a", "first")
	expect(t, seen, 1)
	for round := range 10 {
		var want []uint64
		for i := range 15 {
			want = append(want, add(t, l, "a", i))
			if i == 10 { // what went before the watch saw it is in the file that it has open
				if _, err := l.Prune(t.Context(), events.Prune{Keep: round % 3}); err != nil {
					t.Fatal(err)
				}
			}
		}
		expect(t, seen, want...)
	}
}

func TestWatchGoesOnOverARotation(t *testing.T) {
	t.Parallel()
	l := logIn(t)
	seen := watch(t, l, 0)
	add(t, l, "a", 1)
	expect(t, seen, 1)
	add(t, l, "a", 2)
	if err := os.Rename(l.path, l.path+".rotating"); err != nil { // as gc does it: the numbers go on
		t.Fatal(err)
	}
	write(t, l, "{\"seq\":3,\"type\":\"events.rotated\"}\n")
	add(t, l, "a", 4)
	expect(t, seen, 2, 3, 4)
}

func TestWatchGoesOnInALogThatIsBegunAnew(t *testing.T) {
	t.Parallel()
	for name, empty := range map[string]func(string) error{
		"removed": os.Remove,
		"emptied": func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := logIn(t)
			for i := range 5 {
				add(t, l, "a", strings.Repeat("x", 100*(5-i)))
			}
			seen := watch(t, l, 0)
			expect(t, seen, 1, 2, 3, 4, 5)
			if err := empty(l.path); err != nil {
				t.Fatal(err)
			}
			add(t, l, "a", 1)
			expect(t, seen, 1)
			add(t, l, "a", 2)
			expect(t, seen, 2)
		})
	}
}

func TestWatchIsNotConfusedByATornLine(t *testing.T) {
	t.Parallel()
	l := logIn(t)
	write(t, l, "{\"seq\":1}\n{\"seq\":2,\"message\":\""+strings.Repeat("x", 2*chunk))
	seen := watch(t, l, 0)
	expect(t, seen, 1)
	add(t, l, "a", 1)
	add(t, l, "a", strings.Repeat("y", 3*chunk))
	expect(t, seen, 2, 3)
}

func TestPrune(t *testing.T) {
	t.Parallel()
	const old, recent = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
	for _, tt := range []struct {
		times string // one letter an event: o for old, r for recent
		prune events.Prune
		want  []uint64
	}{
		{"", events.Prune{}, []uint64{}},
		{"oooo", events.Prune{}, []uint64{4}},
		{"ooor", events.Prune{}, []uint64{4}},
		{"orooo", events.Prune{}, []uint64{2, 5}},
		{"ooooo", events.Prune{Keep: 2}, []uint64{4, 5}},
		{"ooooo", events.Prune{Keep: 9}, []uint64{1, 2, 3, 4, 5}},
		{"ooo", events.Prune{OlderThan: 100 * 365 * 24 * 3600e9}, []uint64{1, 2, 3}},
		{"ox!oo", events.Prune{Keep: 2}, []uint64{4, 5}},
	} {
		t.Run(fmt.Sprint(tt.times, tt.prune.Keep), func(t *testing.T) {
			t.Parallel()
			l := logIn(t)
			var text strings.Builder
			for i, c := range tt.times {
				switch c {
				case 'o':
					fmt.Fprintf(&text, "{\"seq\":%d,\"ts\":%q}\n", i+1, old)
				case 'r':
					fmt.Fprintf(&text, "{\"seq\":%d,\"ts\":%q}\n", i+1, recent)
				default:
					fmt.Fprintln(&text, "{")
				}
			}
			write(t, l, text.String())
			before := list(t, l, events.Filter{}, 0)
			n, err := l.Prune(t.Context(), tt.prune)
			got := list(t, l, events.Filter{}, 0)
			if err != nil || !slices.Equal(got, tt.want) || n != len(before)-len(tt.want) {
				t.Errorf("%d deleted, %v; %v left, want %v", n, err, got, tt.want)
			}
			if _, err := os.Stat(l.path + ".pruned"); err == nil {
				t.Error("a file is left beside the log")
			}
			if len(tt.times) > 0 {
				if seq := add(t, l, "a", 1); seq != uint64(len(tt.times))+1 {
					t.Errorf("the next number is %d", seq)
				}
			}
		})
	}
}

func TestNothingIsLostToPrunesBesideWriters(t *testing.T) {
	t.Parallel()
	l := logIn(t)
	add(t, l, "first", 0)
	pruner := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if _, err := l.Prune(t.Context(), events.Prune{Keep: 150}); err != nil {
				pruner <- err
				return
			}
		}
		pruner <- nil
	}()
	writers := make(chan error, 3)
	for range cap(writers) {
		go func() {
			var err error
			for i := 0; i < 100 && err == nil; i++ {
				_, err = l.Record(t.Context(), record("a", i))
			}
			writers <- err
		}()
	}
	for range cap(writers) {
		if err := <-writers; err != nil {
			t.Error(err)
		}
	}
	stop()
	if err := <-pruner; err != nil {
		t.Error(err)
	}
	if got := list(t, l, events.Filter{}, 150); !slices.Equal(got, upTo(152, 301)) {
		t.Errorf("listed %v", got)
	}
}
