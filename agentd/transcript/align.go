package transcript

import (
	"slices"
	"strings"
	"unicode"
)

const (
	// keep is how many of the history's last lines are remembered, to find the place again.
	keep = 256
	// check is how many of them must be found where they are expected. Fewer could be a repetition of what was printed before.
	check = 64
)

// place is where a snapshot stands relative to what is known.
type place struct {
	// fresh is how many of the snapshot's history lines, counted from its end, are new; negative when so many known ones
	// were taken back onto the screen, which had become taller.
	fresh int
	// rest is what is new of the line before those, when a change of the width made it from known and new ones.
	rest string
	// lost: lines are missing in between. cleared: nothing that is known is left in the history.
	lost, cleared bool
	// reflowed: lines were broken anew.
	reflowed bool
}

// locate finds the place of s. When s has too little of the history for that, more is how much is needed.
func (r *Recorder) locate(s Snapshot) (p place, more int) {
	grown := s.HistorySize - r.size
	resized := s.Columns != r.columns || len(s.Visible) != r.rows
	if !resized && grown >= 0 {
		m := min(check, len(r.tail), r.size)
		if len(s.History) < min(grown+m, s.HistorySize) {
			return place{}, grown + grown/2 + 2*check // more will have come by the time it is captured again
		}
		end := len(s.History) - grown
		if end >= m && slices.Equal(s.History[end-m:end], r.tail[len(r.tail)-m:]) {
			return place{fresh: grown}, 0
		}
	}
	// What is left (history that is full or was cleared, another size) is rare enough to look through all of it.
	if len(s.History) < s.HistorySize {
		return place{}, all(s)
	}
	if len(r.tail) == 0 {
		return place{fresh: s.HistorySize, reflowed: s.Columns != r.columns}, 0
	}
	if s.Columns != r.columns {
		if p, ok := r.locateText(s, grown); ok {
			return p, 0
		}
	} else if p, ok := r.locateLines(s, grown, resized); ok {
		return p, 0
	}
	full := s.HistoryLimit > 0 && s.HistorySize >= s.HistoryLimit-trimmed(s.HistoryLimit)
	return place{fresh: s.HistorySize, lost: full, cleared: true, reflowed: s.Columns != r.columns}, 0
}

// all is how many lines to ask for to have all of the history, even if it grows meanwhile.
func all(s Snapshot) int { return max(s.HistorySize, s.HistoryLimit) }

// trimmed is how many lines tmux drops at once from a history that has reached its limit.
func trimmed(limit int) int { return max(1, limit/10) }

// locateLines finds the last known history lines in s. Among several places that look alike it takes one that tmux's way of counting allows,
// and of those the one that makes the fewest lines new: a line may then be missing from a repetition, but none is written twice.
func (r *Recorder) locateLines(s Snapshot, grown int, resized bool) (place, bool) {
	lines := s.History
	if resized {
		lines = append(slices.Clone(lines), s.Visible...)
	}
	needle := r.tail[len(r.tail)-min(check, len(r.tail)):]
	best, found := 0, false
	consider := func(end int) {
		fresh := len(s.History) - end
		switch {
		case !found:
		case resized && distance(fresh, grown) >= distance(best, grown):
			return
		case !resized && r.counts(s, best, grown) && !r.counts(s, fresh, grown):
			return
		}
		best, found = fresh, true
	}
	for end := len(needle); end <= len(lines); end++ {
		if slices.Equal(lines[end-len(needle):end], needle) {
			consider(end)
		}
	}
	// So many lines may have come that only the last of the known ones are still there, at the very beginning.
	for n := len(needle) - 1; n >= 1 && !found; n-- {
		if n <= len(lines) && !blank(strings.Join(lines[:n], "")) && slices.Equal(lines[:n], needle[len(needle)-n:]) {
			consider(n)
		}
	}
	if !found && resized && s.Alternate {
		return r.locateHidden(s)
	}
	return place{fresh: best}, found
}

// locateHidden is locateLines for lines that were taken back onto the main screen while the alternate one hides it: the history ends with
// what was known before those.
func (r *Recorder) locateHidden(s Snapshot) (place, bool) {
	if s.HistorySize == 0 && len(s.Visible)-r.rows >= len(r.tail) {
		return place{fresh: -len(r.tail)}, true
	}
	for back := 1; back < len(r.tail) && back <= len(s.Visible); back++ {
		known := r.tail[:len(r.tail)-back]
		m := min(check, len(known), len(s.History))
		if m > 0 && slices.Equal(s.History[len(s.History)-m:], known[len(known)-m:]) {
			return place{fresh: -back}, true
		}
	}
	return place{}, false
}

// counts reports whether so many new lines can have made the history grow by grown.
func (r *Recorder) counts(s Snapshot, fresh, grown int) bool {
	return fresh >= grown && (fresh-grown)%trimmed(s.HistoryLimit) == 0
}

func distance(a, b int) int { return max(a-b, b-a) }

// locateText finds the text of the last known history lines in s, however it is broken into lines.
func (r *Recorder) locateText(s Snapshot, grown int) (place, bool) {
	needle := squeeze(strings.Join(r.tail[len(r.tail)-min(check, len(r.tail)):], ""))
	if needle == "" {
		return place{}, false
	}
	var text strings.Builder
	var ends []int // the offset in text at which each line ends
	for _, lines := range [][]string{s.History, s.Visible} {
		for _, line := range lines {
			text.WriteString(squeeze(line))
			ends = append(ends, text.Len())
		}
	}
	best, found := place{reflowed: true}, false
	whole := text.String()
	for at := 0; ; {
		i := strings.Index(whole[at:], needle)
		if i < 0 {
			return best, found
		}
		end := at + i + len(needle)
		line, _ := slices.BinarySearch(ends, end) // the first line that ends there or later
		p := place{fresh: len(s.History) - line - 1, reflowed: true}
		if over := ends[line] - end; over > 0 && line < len(s.History) {
			p.rest = lastSqueezed(s.History[line], over)
		} else if over > 0 {
			p.fresh++ // a row on the screen that is only in part known is not known
		}
		if !found || distance(p.fresh, grown) < distance(best.fresh, grown) {
			best, found = p, true
		}
		at += i + 1
	}
}

// squeeze drops blanks, which stand at the end of lines that are broken or not.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// lastSqueezed gives the end of a line that has n bytes without its blanks.
func lastSqueezed(line string, n int) string {
	for i := range line {
		if len(squeeze(line[i:])) <= n {
			return line[i:]
		}
	}
	return ""
}
