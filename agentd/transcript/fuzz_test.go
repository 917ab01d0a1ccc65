package transcript

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzRecorder lets a program of foreign choice work on a terminal, and holds what is written against what became history.
func FuzzRecorder(f *testing.F) {
	f.Add([]byte{1, 10, 0, 2, 30, 0}, false)
	f.Add([]byte{1, 200, 0, 1, 200, 0, 1, 200, 0, 3, 0, 1, 9, 0}, true)
	f.Add([]byte{1, 20, 0, 4, 5, 0, 4, 30, 0, 1, 3, 5, 2, 0, 6, 0, 7, 1, 1, 0}, false)
	f.Fuzz(func(t *testing.T, program []byte, small bool) {
		limit := 1 << 20
		if small {
			limit = 50
		}
		b := newBench(t, 12, limit)
		b.take()
		program = program[:min(len(program), 200)]
		n, appends := 0, true
		for len(program) > 0 {
			op, arg := program[0], 0
			if program = program[1:]; len(program) > 0 {
				arg, program = int(program[0]), program[1:]
			}
			switch op % 8 {
			case 2, 4, 7:
				appends = false
			}
			switch op % 8 {
			case 0:
				b.after(250 * time.Millisecond)
			case 1: // lines are unlike each other, so that each can be known again
				for range arg {
					b.print(fmt.Sprintf("line %d", n))
					n++
				}
			case 2: // a line in progress changes
				if last := len(b.visible) - 1; last >= 0 {
					b.visible[last] = fmt.Sprintf("line %d", n)
					n++
				}
			case 3: // the window changes its height. A look before and after, as a session is told of it
				b.take()
				b.resize(3 + arg%30)
				b.take()
			case 4: // the alternate screen comes or goes
				if b.alt == nil {
					b.alt = []string{fmt.Sprintf("alt %d", n)}
					n++
				} else {
					b.alt = nil
				}
			case 5:
				b.after(2 * time.Second)
			case 6:
				b.print("")
			case 7: // the program draws a screenful
				for i := range b.visible {
					b.visible[i] = fmt.Sprintf("line %d", n)
					n++
				}
			}
		}
		b.take()
		pushed := unlike(b.pushed)
		wrote := strings.Split(b.out.String(), "\n")
		verify(t, wrote, pushed, !small)
		if appends {
			inOrder(t, wrote)
		}
	})
}

// unlike drops blank lines and those that left the screen a second time, after they were taken back onto it.
func unlike(pushed []string) []string {
	var out []string
	seen := make(map[string]bool)
	for _, line := range slices.Backward(pushed) {
		if line != "" && !seen[line] {
			out = append(out, line)
		}
		seen[line] = true
	}
	slices.Reverse(out)
	return out
}

func verify(t *testing.T, wrote, pushed []string, all bool) {
	place := make(map[string]int, len(wrote))
	for i, line := range wrote {
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' }) {
			t.Fatalf("control characters in %q", line)
		}
		if _, twice := place[line]; twice && strings.HasPrefix(line, "line") {
			t.Fatalf("%q was written twice", line)
		}
		place[line] = i
	}
	for _, line := range pushed {
		if _, ok := place[line]; !ok && all {
			t.Fatalf("%q became history and was not written", line)
		}
	}
}

// inOrder holds for a program that only appends lines.
func inOrder(t *testing.T, wrote []string) {
	last := -1
	for _, line := range wrote {
		var n int
		if _, err := fmt.Sscanf(line, "line %d", &n); err != nil {
			continue
		}
		if n <= last {
			t.Fatalf("line %d was written after line %d", n, last)
		}
		last = n
	}
}

func FuzzParseSnapshot(f *testing.F) {
	f.Add("3 100 80 2 0", "a\nb\nc\nd\ne\n")
	f.Add("0 0 1 1 1", "")
	f.Fuzz(func(t *testing.T, format, text string) {
		s, err := ParseSnapshot(time.Time{}, format, text)
		if err != nil {
			return
		}
		if len(s.History) > s.HistorySize {
			t.Errorf("%d history lines of %d", len(s.History), s.HistorySize)
		}
		if got := strings.Join(append(slices.Clone(s.History), s.Visible...), "\n"); got != strings.TrimSuffix(text, "\n") {
			t.Errorf("parsed %q from %q", got, text)
		}
	})
}
