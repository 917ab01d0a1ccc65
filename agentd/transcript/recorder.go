// Package transcript turns what a terminal shows into lines of text: a log of what a program said, each line once and in order, without escape
// sequences and without the noise of repaints.
//
// A line that has scrolled off the screen can't change any more and is written as it then is. A line still on the screen is
// written once it has settled, that is stood unchanged for Settle; spinners never do. A line that was written and then changed is written again
// when it has settled again. Lines are the terminal's rows: a longer line of the program's is cut where it wrapped.
package transcript

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
)

const (
	// Settle is how long a line on the screen must stand unchanged to be written.
	Settle = time.Second
	// Every is the least time between two snapshots while output goes on.
	Every = 250 * time.Millisecond
	// FloodEvery is the most between two when more was printed within Every than tmux keeps, until it is quiet for as long. Lines are lost then anyway, and to read all
	// that is kept, ten thousand lines, four times a second would take tmux half of its time. The one that follows comes after Every again, to see whether it still is so.
	FloodEvery = 5 * time.Second
	// ask is how many history lines a snapshot asks for at first.
	ask = 256
)

// Lost is the line written in place of lines that could not be read: more was printed between two snapshots than tmux keeps.
const Lost = "[agentd: some output is missing here: it came faster than the terminal's history holds]"

// Recorder writes a program's transcript. Output and Due may be called from any goroutine, the rest from one at a time.
type Recorder struct {
	w io.Writer

	mu      sync.Mutex
	pending bool      // there was output since the last snapshot
	output  time.Time // of the last output
	taken   time.Time // when the last snapshot was taken
	flood   bool      // more came before it than could be read: the next has time
	settles time.Time // when the next line settles, zero if none is to

	started bool
	skip    bool     // the first snapshot's lines are known already
	logged  []string // the last of those known

	size, columns, rows int      // of the last snapshot
	alternate           bool     // it was of the alternate screen
	tail                []string // the last lines written from the history, at most keep
	main, alt           page
	out                 []string // lines to write
}

// New makes a recorder that writes lines to w, each ended by a newline, whole lines at a time.
func New(w io.Writer) *Recorder {
	return &Recorder{w: w}
}

// Resume says that the terminal was recorded before, by an earlier process. logged is the end of what that wrote, oldest first: what the first
// snapshot shows up to the last of those lines is not written again; with none, nothing of the first snapshot is.
func (r *Recorder) Resume(logged []string) {
	r.skip, r.logged = true, logged
}

// Output tells of output at the given time.
func (r *Recorder) Output(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending, r.output = true, at
}

// Due tells when Take should be called next; false when there is nothing to wait for but more output.
func (r *Recorder) Due() (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending {
		next := r.taken.Add(Every)
		if quiet, late := r.output.Add(Every), r.taken.Add(FloodEvery); r.flood && quiet.After(next) {
			next = quiet
			if late.Before(quiet) {
				next = late
			}
		}
		if next.After(r.output) {
			return next, true
		}
		return r.output, true
	}
	return r.settles, !r.settles.IsZero()
}

// Take takes a snapshot and writes what it brings. When the history's captured part does not reach back to what is known, it captures again, with more.
// An error of capture or of the writer does not break the recorder.
func (r *Recorder) Take(ctx context.Context, capture Capture) error {
	for lines := ask; ; {
		s, err := capture(ctx, lines)
		if err != nil {
			r.mu.Lock()
			r.taken = time.Now() // not at once again: a terminal that can't be captured now can't be a moment later
			r.mu.Unlock()
			return fmt.Errorf("capture the screen for the transcript: %w", err)
		}
		more, lost := r.add(s)
		if more == 0 {
			r.schedule(s.At, lost)
			return r.flush()
		}
		if more <= lines {
			r.schedule(s.At, false)
			return fmt.Errorf("capture the screen for the transcript: got %d history lines of %d when asked for %d", len(s.History), s.HistorySize, lines)
		}
		lines = more
	}
}

// Finish takes a last snapshot, if capture is not nil, and writes all that the screen shows, settled or not.
func (r *Recorder) Finish(ctx context.Context, capture Capture) error {
	var err error
	if capture != nil {
		err = r.Take(ctx, capture)
	}
	r.main.say(&r.out, time.Time{}, true)
	if r.alternate {
		r.alt.say(&r.out, time.Time{}, false)
	}
	r.mu.Lock()
	r.pending, r.settles = false, time.Time{}
	r.mu.Unlock()
	if werr := r.flush(); err == nil {
		err = werr
	}
	return err
}

// schedule notes that a snapshot was taken at the given time, whether lines were lost before it, and when lines settle.
func (r *Recorder) schedule(at time.Time, lost bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken, r.flood = at, lost && !r.flood
	if !r.output.After(at) {
		r.pending = false
	}
	r.settles = time.Time{}
	if since, ok := r.page().unsettled(); ok {
		r.settles = since.Add(Settle)
		// Rows that are due but were not said (a failed capture) must not make Due ask without pause.
		if next := at.Add(Every); r.settles.Before(next) {
			r.settles = next
		}
	}
}

// page is the one that is shown.
func (r *Recorder) page() *page {
	if r.alternate {
		return &r.alt
	}
	return &r.main
}

// flush writes what is to be written.
func (r *Recorder) flush() error {
	if len(r.out) == 0 {
		return nil
	}
	var b strings.Builder
	for _, line := range r.out {
		b.WriteString(plain(line))
		b.WriteByte('\n')
	}
	r.out = nil
	if _, err := io.WriteString(r.w, b.String()); err != nil {
		return fmt.Errorf("write the transcript: %w", err)
	}
	return nil
}

// plain drops control characters, which tmux does not print: a log must not be able to work the terminal it is read on, whatever a later tmux does.
func plain(line string) string {
	line = strings.TrimRight(strings.ToValidUTF8(line, "\ufffd"), " ")
	if strings.IndexFunc(line, unicode.IsControl) < 0 {
		return line
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, line)
}
