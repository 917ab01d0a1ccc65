package transcript

import (
	"slices"
	"strings"
	"time"
)

// add takes a snapshot in and queues the lines it brings, and tells whether some were lost before it. When it has too little of the history, it changes nothing and tells
// how many lines are needed.
func (r *Recorder) add(s Snapshot) (more int, lost bool) {
	if !r.started {
		if len(s.History) < s.HistorySize {
			return all(s), false
		}
		r.begin(s)
	} else {
		p, more := r.locate(s)
		if more > 0 {
			return more, false
		}
		r.scroll(s, p)
		lost = p.lost
	}
	r.size, r.columns, r.rows = s.HistorySize, s.Columns, len(s.Visible)
	r.turn(s)
	page := r.page()
	page.show(s.Visible, s.At)
	page.say(&r.out, s.At, !r.alternate)
	return 0, lost
}

// begin takes in the first snapshot.
func (r *Recorder) begin(s Snapshot) {
	r.started = true
	r.alternate = s.Alternate
	known := 0
	if r.skip {
		known = r.known(append(slices.Clone(s.History), s.Visible...))
	}
	history := min(known, len(s.History))
	r.finish(s.History[:history], func(string) bool { return true })
	r.finish(s.History[history:], func(string) bool { return false })
	page := r.page()
	for i, text := range s.Visible {
		page.rows = append(page.rows, row{text: text, since: s.At, said: len(s.History)+i < known})
	}
	r.logged = nil
}

// known counts the lines from the first that an earlier process has written.
func (r *Recorder) known(lines []string) int {
	if len(r.logged) == 0 {
		return len(lines)
	}
	written := make(map[string]bool, len(r.logged))
	for _, line := range r.logged {
		written[line] = !blank(line)
	}
	for i := len(lines) - 1; i >= 0; i-- {
		if written[plain(lines[i])] {
			return i + 1
		}
	}
	return 0
}

// scroll takes in what has become history since the last snapshot.
func (r *Recorder) scroll(s Snapshot, p place) {
	switch {
	case p.cleared:
		r.restart(s, p)
	case p.reflowed:
		r.reflow(s, p)
	case p.fresh < 0:
		r.unscroll(-p.fresh)
	default:
		r.leavers(s, p.fresh)
		r.advance(s.History[len(s.History)-p.fresh:], s.At)
	}
}

// leavers notes which lines of the main screen that were written are no longer in their place, with fresh lines scrolled off: they may have moved
// within this step, into the history too.
func (r *Recorder) leavers(s Snapshot, fresh int) {
	now := s.History[len(s.History)-fresh:]
	if !s.Alternate {
		now = append(slices.Clone(now), s.Visible...)
	} else if fresh < len(r.main.rows) {
		// What is below is hidden, and stays.
		now = slices.Clone(now)
		for _, row := range r.main.rows[fresh:] {
			now = append(now, row.text)
		}
	}
	for i := range r.main.rows {
		row := &r.main.rows[i]
		if row.said && (i >= len(now) || now[i] != row.text) {
			r.main.leave(row.text, s.At)
			row.said = false
		}
	}
}

// advance finishes lines that left the screen at its top.
func (r *Recorder) advance(fresh []string, at time.Time) {
	rows := r.main.rows
	r.main.shift(len(fresh))
	later := r.main.anySaid()
	i := -1
	r.finish(fresh, func(line string) bool {
		i++
		switch {
		case i < len(rows) && rows[i].said: // else it has left
			return true
		case blank(line):
			// What stood below this blank line has been written, so it would come too late.
			return later || slices.ContainsFunc(rows[min(i, len(rows)):min(len(fresh), len(rows))], func(r row) bool { return r.said })
		default:
			return r.main.found(line, at)
		}
	})
}

// finish queues the lines that said is false for, and remembers all as the history's last.
func (r *Recorder) finish(lines []string, said func(line string) bool) {
	for _, line := range lines {
		if !said(line) {
			r.out = append(r.out, line)
		}
	}
	lines = lines[max(0, len(lines)-keep):]
	r.tail = append(r.tail, lines...)
	if n := len(r.tail); n > keep {
		r.tail = slices.Clone(r.tail[n-keep:])
	}
}

// unscroll takes n lines back from the history onto the screen, which became taller. They have been written.
func (r *Recorder) unscroll(n int) {
	n = min(n, len(r.tail))
	back := make([]row, 0, n+len(r.main.rows))
	for _, line := range r.tail[len(r.tail)-n:] {
		back = append(back, row{text: line, said: true})
	}
	r.tail = r.tail[:len(r.tail)-n]
	r.main.rows = append(back, r.main.rows...)
}

// restart takes in a history that has nothing known in it. What stood on the screen may be in it now.
func (r *Recorder) restart(s Snapshot, p place) {
	if p.lost {
		r.out = append(r.out, Lost)
	}
	known := r.tail
	r.tail = nil
	r.main.clear(s.At)
	// A program that clears all and paints its whole text anew says nothing new by that.
	seen := make(map[string]int)
	if !p.lost {
		for _, line := range known {
			seen[line]++
		}
	}
	r.finish(s.History, func(line string) bool {
		if seen[line] > 0 {
			seen[line]--
			return true
		}
		return r.main.found(line, s.At)
	})
}

// reflow takes in a history whose lines were broken anew, as was the screen.
func (r *Recorder) reflow(s Snapshot, p place) {
	var written strings.Builder
	for _, row := range r.main.rows {
		if row.said {
			written.WriteString(squeeze(row.text))
		}
	}
	left := written.String()
	said := func(line string) bool {
		text := squeeze(line)
		i := strings.Index(left, text)
		if i >= 0 {
			left = left[i+len(text):]
		}
		return i >= 0
	}
	fresh := max(0, p.fresh)
	at := len(s.History) - fresh
	r.tail = nil
	r.finish(s.History[:at], func(string) bool { return true })
	if p.rest != "" && !said(p.rest) {
		r.out = append(r.out, p.rest)
	}
	r.finish(s.History[at:], said)
	r.main.rows = nil
	if s.Alternate {
		return
	}
	for i, text := range s.Visible {
		back := i < -p.fresh
		r.main.rows = append(r.main.rows, row{text: text, since: s.At, said: back || !blank(text) && said(text)})
	}
}

// turn follows a change between the main and the alternate screen.
func (r *Recorder) turn(s Snapshot) {
	if s.Alternate == r.alternate {
		return
	}
	if s.Alternate {
		// The main screen is hidden now and stays as it is: it has settled.
		r.main.say(&r.out, time.Time{}, true)
	} else {
		r.alt.clear(s.At)
	}
	r.alternate = s.Alternate
}
