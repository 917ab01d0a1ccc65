package transcript

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// screen is a terminal's memory as tmux keeps it, for tests: rows, a history with a limit, an alternate screen.
type screen struct {
	rows, columns, limit int
	history              []string
	visible              []string // up to rows; the cursor is at its end
	alt                  []string // nil: not shown
	pushed               []string // every line that ever became history
}

func newScreen(rows, limit int) *screen {
	return &screen{rows: rows, columns: 80, limit: limit}
}

// print ends each line with a newline.
func (s *screen) print(lines ...string) {
	for _, line := range lines {
		if s.alt != nil { // which scrolls into nothing
			s.alt = append(s.alt, line)
			s.alt = s.alt[max(0, len(s.alt)-s.rows):]
			continue
		}
		if len(s.visible) == s.rows {
			s.push(s.visible[0])
			s.visible = s.visible[1:]
		}
		s.visible = append(s.visible, line)
	}
}

func (s *screen) push(line string) {
	if len(s.history) >= s.limit {
		s.history = s.history[max(1, s.limit/10):]
	}
	s.history = append(s.history, line)
	s.pushed = append(s.pushed, line)
}

// resize changes the height as tmux does: lines go to the history or come back from it.
func (s *screen) resize(rows int) {
	for len(s.visible) > rows {
		s.push(s.visible[0])
		s.visible = s.visible[1:]
	}
	for len(s.visible) < rows && len(s.history) > 0 && len(s.visible) >= s.rows {
		last := len(s.history) - 1
		s.visible = append([]string{s.history[last]}, s.visible...)
		s.history = s.history[:last]
		s.rows = len(s.visible)
	}
	s.rows = rows
	s.alt = s.alt[max(0, len(s.alt)-rows):]
}

func (s *screen) capture(at time.Time) Capture {
	return func(_ context.Context, lines int) (Snapshot, error) {
		shown := s.visible
		if s.alt != nil {
			shown = s.alt
		}
		rows := slices.Clone(shown)
		for len(rows) < s.rows {
			rows = append(rows, "")
		}
		return Snapshot{
			At: at, HistorySize: len(s.history), HistoryLimit: s.limit, Columns: s.columns, Alternate: s.alt != nil,
			History: slices.Clone(s.history[max(0, len(s.history)-lines):]), Visible: rows,
		}, nil
	}
}

// bench drives a Recorder over a screen with a clock of its own.
type bench struct {
	t *testing.T
	*screen
	r   *Recorder
	out bytes.Buffer
	now time.Time
}

func newBench(t *testing.T, rows, limit int) *bench {
	b := &bench{t: t, screen: newScreen(rows, limit), now: time.Unix(1000, 0)}
	b.r = New(&b.out)
	return b
}

func (b *bench) take() {
	b.t.Helper()
	if err := b.r.Take(b.t.Context(), b.capture(b.now)); err != nil {
		b.t.Fatal(err)
	}
}

// after moves the clock and takes a snapshot.
func (b *bench) after(d time.Duration) {
	b.t.Helper()
	b.now = b.now.Add(d)
	b.take()
}

func (b *bench) finish() {
	b.t.Helper()
	if err := b.r.Finish(b.t.Context(), b.capture(b.now)); err != nil {
		b.t.Fatal(err)
	}
}

// says compares what was written since the last call.
func (b *bench) says(want ...string) {
	b.t.Helper()
	got := strings.Split(strings.TrimSuffix(b.out.String(), "\n"), "\n")
	if b.out.Len() == 0 {
		got = nil
	}
	b.out.Reset()
	if !slices.Equal(got, want) {
		b.t.Errorf("wrote %q, want %q", got, want)
	}
}

func lines(prefix string, from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf("%s%d", prefix, i))
	}
	return out
}
