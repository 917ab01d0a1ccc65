package activity

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// window is a time in which changes of the screen have a cause other than the program.
type window struct{ begin, end time.Time }

// extend makes the window last until d after at. One that is open at that time keeps its beginning: output of before that has not been looked at yet.
func (w *window) extend(at time.Time, d time.Duration) {
	if !w.has(at) {
		w.begin = at
	}
	w.end = at.Add(d)
}

func (w window) has(at time.Time) bool { return !at.Before(w.begin) && at.Before(w.end) }

// explained reports whether something other than the program is the cause of the screen's change from was to now, brought by output at the given time.
func (t *Tracker) explained(at time.Time, was, now string) bool {
	late := window{t.resized.begin, t.resized.end.Add(lateRepaint - repaint)}
	switch {
	case t.typed.has(at), t.keys.has(at), t.resized.has(at):
		return true
	case late.has(at) && (rearranged(was, now) || rearranged(t.arranged, now)):
		return true
	case t.entered.has(at):
		return echoes(t.nudge, lines(now), t.beforeAll, t.beforeEnt)
	}
	return false
}

// rearranged reports whether b shows the same text as a in another arrangement, or more or less of its beginning, or nothing: all that a resize by
// itself can bring about, since a terminal that grows or shrinks keeps its last lines.
func rearranged(a, b string) bool {
	a, b = letters(a), letters(b)
	return b == "" || a != "" && (strings.HasSuffix(a, b) || strings.HasSuffix(b, a))
}

// echoes reports whether everything on the screen stood there before (in either of two earlier screens, whose lines may have moved), or is the typed
// text: so it is when a program takes the text from its input box into its transcript. Lines count as often as they occur, so that an answer
// like the one before it is seen.
func echoes(typed string, now []string, before ...[]string) bool {
	known := make(map[string]int)
	for _, screen := range before {
		count := make(map[string]int)
		for _, line := range screen {
			count[line]++
		}
		for line, n := range count {
			known[line] = max(known[line], n)
		}
	}
	typed = letters(typed)
	for _, line := range now {
		if known[line] > 0 {
			known[line]--
		} else if !echo(typed, line) {
			return false
		}
	}
	return true
}

// A line is still taken for the typed text with so many letters of the program's own around it ("You: …", a time), if it has so many of the text.
const (
	decoration = 12
	enough     = 4
)

// echo reports whether a line shows the typed text or a piece of it. Both are letters and digits alone.
func echo(typed, line string) bool {
	if line == "" || strings.Contains(typed, line) {
		return true
	}
	if utf8.RuneCountInString(typed) >= enough && strings.Contains(line, typed) {
		return utf8.RuneCountInString(line)-utf8.RuneCountInString(typed) <= decoration
	}
	// A long text wraps: the first of its lines has what the program puts in front of it, the last what it puts behind.
	for cut := 1; cut <= decoration && cut < len(line); cut++ {
		if !utf8.RuneStart(line[cut]) {
			continue
		}
		if rest := line[cut:]; utf8.RuneCountInString(rest) >= 2*decoration && strings.Contains(typed, rest) {
			return true
		}
		end := len(line) - cut
		if utf8.RuneStart(line[end]) && utf8.RuneCountInString(line[:end]) >= 2*decoration && strings.Contains(typed, line[:end]) {
			return true
		}
	}
	return false
}

// lines gives the letters of each line of a screen that has any.
func lines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if l := letters(line); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// letters keeps the letters and digits of s: what is left when prompts, boxes, blanks and wrapping are taken away.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}
