package wire

import (
	"strings"
	"unicode"
)

// OneLine makes text, which may hold what a program said, one line that leaves a terminal alone: "; " joins its lines, and control characters become spaces.
func OneLine(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, line))
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
