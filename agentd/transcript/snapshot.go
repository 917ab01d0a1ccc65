package transcript

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Format is the tmux format whose value ParseSnapshot reads.
const Format = "#{history_size} #{history_limit} #{pane_width} #{pane_height} #{alternate_on}"

// Snapshot is what a terminal held at one moment.
type Snapshot struct {
	// At is when it was taken.
	At time.Time
	// HistorySize is the number of lines that have scrolled off the screen and are kept, HistoryLimit the most that are.
	HistorySize, HistoryLimit int
	// Columns is the width.
	Columns int
	// Alternate: the visible lines are those of the alternate screen, which has no history; the history is the main screen's.
	Alternate bool
	// History is the last lines of the history, oldest first; not necessarily all of them.
	History []string
	// Visible is the screen's rows, from the top.
	Visible []string
}

// Capture takes a snapshot with the given number of history lines at least (all there are, if fewer). Format's value and the text must be
// of one moment: both commands go to tmux in one line, as in
//
//	display-message -p -t %0 '<Format>' ; capture-pane -p -t %0 -S -<lines>
type Capture func(ctx context.Context, lines int) (Snapshot, error)

// ParseSnapshot reads the value of Format and what capture-pane -p -S -<lines> printed.
func ParseSnapshot(at time.Time, format, text string) (Snapshot, error) {
	s := Snapshot{At: at}
	var rows, alternate int
	if _, err := fmt.Sscan(format, &s.HistorySize, &s.HistoryLimit, &s.Columns, &rows, &alternate); err != nil {
		return Snapshot{}, fmt.Errorf("read snapshot: %q is not %q: %w", format, Format, err)
	}
	if s.HistorySize < 0 || s.HistoryLimit < 0 || s.Columns < 1 || rows < 1 {
		return Snapshot{}, fmt.Errorf("read snapshot: impossible size in %q", format)
	}
	s.Alternate = alternate != 0
	var lines []string
	if text = strings.TrimSuffix(text, "\n"); text != "" || rows == 1 {
		lines = strings.Split(text, "\n")
	}
	history := max(0, min(len(lines)-rows, s.HistorySize))
	s.History, s.Visible = lines[:history], lines[history:]
	return s, nil
}
