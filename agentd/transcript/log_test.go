package transcript

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

func TestLogStreamsItsTail(t *testing.T) {
	t.Parallel()
	l := NewLog()
	fmt.Fprint(l, "a\nb\n")
	fmt.Fprint(l, "c")
	fmt.Fprint(l, "d\nhalf")
	for tail, want := range map[int]string{0: "", 1: "cd\n", 2: "b\ncd\n", 3: "a\nb\ncd\n", 99: "a\nb\ncd\n", -1: "a\nb\ncd\n"} {
		var b bytes.Buffer
		if err := l.Stream(t.Context(), &b, tail, false); err != nil || b.String() != want {
			t.Errorf("tail %d gives %q, %v; want %q", tail, &b, err, want)
		}
	}
	if got := l.Last(2); !slices.Equal(got, []string{"b", "cd"}) {
		t.Errorf("last two: %q", got)
	}
}

func TestLogIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewLog()
		fmt.Fprint(l, "old\nrecent\n")
		var b bytes.Buffer
		done := make(chan error)
		go func() { done <- l.Stream(t.Context(), &b, 1, true) }()
		synctest.Wait()
		fmt.Fprint(l, "new\n")
		synctest.Wait()
		fmt.Fprint(l, "last\n")
		l.Close()
		if err := <-done; err != nil || b.String() != "recent\nnew\nlast\n" {
			t.Errorf("followed %q, %v", &b, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := NewLog().Stream(ctx, io.Discard, -1, true); err != nil {
			t.Errorf("a reader that leaves: %v", err)
		}
	})
}

// slow is a reader that takes one write when told.
type slow struct {
	bytes.Buffer
	take chan struct{}
}

func (s *slow) Write(p []byte) (int, error) {
	<-s.take
	return s.Buffer.Write(p)
}

func TestLogTellsASlowReaderWhatItMissed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewLog()
		s := &slow{take: make(chan struct{})}
		done := make(chan error)
		go func() { done <- l.Stream(t.Context(), s, -1, true) }()
		fmt.Fprint(l, "first\n")
		synctest.Wait()
		const n = 100_000
		for i := range n {
			fmt.Fprintf(l, "line %d\n", i)
		}
		l.Close()
		close(s.take)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSuffix(s.String(), "\n"), "\n")
		var missed int
		if _, err := fmt.Sscanf(got[1], "[agentd: %d lines were dropped here: the reader was too slow]", &missed); err != nil || got[0] != "first" {
			t.Fatalf("begins with %q: %v", got[:2], err)
		}
		if missed+len(got)-2 != n || got[2] != fmt.Sprintf("line %d", missed) || got[len(got)-1] != fmt.Sprintf("line %d", n-1) {
			t.Errorf("missed %d, got %d lines from %q to %q", missed, len(got)-2, got[2], got[len(got)-1])
		}
		if l.size > KeptBytes {
			t.Errorf("%d bytes are kept", l.size)
		}
	})
}
