package transcript

import (
	"slices"
	"strings"
	"time"
)

// page is one screen, the main or the alternate one, with what was written of it.
type page struct {
	rows []row
	// moved are lines that were written and then left their place: when one turns up elsewhere it has moved, and is not written again.
	moved []moved
}

type row struct {
	text  string
	since time.Time // when it was first seen so
	said  bool      // this text has been written
}

type moved struct {
	text string
	at   time.Time
}

const (
	// remember is how long a line that left its place is looked for elsewhere: long enough for a program that scrolls its own part of
	// the screen, short enough that what is said anew is written anew.
	remember = 30 * time.Second
	// mostMoved bounds how many are remembered.
	mostMoved = 512
)

// show replaces the rows by what the screen shows now.
func (p *page) show(visible []string, at time.Time) {
	rows := make([]row, len(visible))
	for i, text := range visible {
		rows[i] = row{text: text, since: at}
		if i < len(p.rows) && p.rows[i].text == text {
			rows[i].since, rows[i].said = p.rows[i].since, p.rows[i].said
		}
	}
	for i, old := range p.rows {
		if old.said && (i >= len(rows) || rows[i].text != old.text) {
			p.leave(old.text, at)
		}
	}
	p.rows = rows
	p.forget(at)
}

// leave notes that a written line is no longer where it was.
func (p *page) leave(text string, at time.Time) {
	p.moved = append(p.moved, moved{text, at})
}

// forget drops what left long ago.
func (p *page) forget(at time.Time) {
	drop := max(0, len(p.moved)-mostMoved)
	for drop < len(p.moved) && at.Sub(p.moved[drop].at) > remember {
		drop++
	}
	p.moved = append([]moved(nil), p.moved[drop:]...)
}

// found reports whether text is a line that left its place at or after the given time, and forgets it.
func (p *page) found(text string, after time.Time) bool {
	for i, m := range p.moved {
		if m.text == text && !m.at.Before(after) {
			p.moved = append(p.moved[:i], p.moved[i+1:]...)
			return true
		}
	}
	return false
}

// shift takes the first n rows away: they are history now.
func (p *page) shift(n int) {
	p.rows = append([]row(nil), p.rows[min(n, len(p.rows)):]...)
}

// anySaid reports whether any row was written.
func (p *page) anySaid() bool {
	return slices.ContainsFunc(p.rows, func(r row) bool { return r.said })
}

// clear makes all that was written of the rows lines that moved, and drops the rows.
func (p *page) clear(at time.Time) {
	for _, row := range p.rows {
		if row.said {
			p.leave(row.text, at)
		}
	}
	p.rows = nil
}

// say writes the rows that have settled by now; all, for a now of zero. Blank rows are written with what follows them, if blanks is true: the empty
// part of a screen says nothing.
func (p *page) say(out *[]string, now time.Time, blanks bool) {
	above, above0 := false, -1 // a row above was written; the first of the blank rows under it
	for i := range p.rows {
		row := &p.rows[i]
		if blank(row.text) {
			if above0 < 0 {
				above0 = i
			}
			continue
		}
		if !row.said && (now.IsZero() || now.Sub(row.since) >= Settle) {
			row.said = true
			if !p.found(row.text, time.Time{}) {
				if blanks && above && above0 >= 0 {
					p.sayBlanks(out, above0, i)
				}
				*out = append(*out, row.text)
			}
		}
		above, above0 = row.said, -1
	}
}

// sayBlanks writes the blank rows from and up to the given ones.
func (p *page) sayBlanks(out *[]string, from, to int) {
	for i := from; i < to; i++ {
		if !p.rows[i].said {
			p.rows[i].said = true
			*out = append(*out, "")
		}
	}
}

// unsettled gives the time since when the oldest row that is yet to be written stands unchanged.
func (p *page) unsettled() (since time.Time, ok bool) {
	for _, row := range p.rows {
		if !row.said && !blank(row.text) && (!ok || row.since.Before(since)) {
			since, ok = row.since, true
		}
	}
	return since, ok
}

func blank(line string) bool { return strings.TrimSpace(line) == "" }
