package nudge

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// literal gives what is typed for a nudge's text: without the line ends at its end, and unable to end the brackets it is pasted in.
func literal(text []byte) []byte {
	return unbracket(bytes.TrimRight(text, "\r\n"))
}

var pasteEnd = []byte("[201~")

// unbracket drops every ESC that stands before "[201~". Together they end a bracketed paste: what follows would be keys to the program, not
// text. All ESCs of a run go, as dropping only the last would let the one before it take its place.
func unbracket(text []byte) []byte {
	if !bytes.Contains(text, append([]byte{0x1b}, pasteEnd...)) {
		return text
	}
	out := make([]byte, 0, len(text))
	for {
		i := bytes.Index(text, pasteEnd)
		if i < 0 {
			return append(out, text...)
		}
		out = append(out, bytes.TrimRight(text[:i], "\x1b")...)
		out = append(out, pasteEnd...)
		text = text[i+len(pasteEnd):]
	}
}

// typed reports whether text must be typed rather than pasted: a slash command. One with control characters or bytes that are no UTF-8 is
// pasted all the same: typed, a tab would complete and a newline submit.
func typed(text []byte) bool {
	return bytes.HasPrefix(text, []byte("/")) && utf8.Valid(text) && bytes.IndexFunc(text, unicode.IsControl) < 0
}

// chunks cuts valid UTF-8 into pieces of at most size bytes, between characters.
func chunks(text string, size int) []string {
	var out []string
	for len(text) > size {
		n := size
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		out, text = append(out, text[:n]), text[n:]
	}
	return append(out, text)
}

// ending gives the last characters of text as they would stand together on a screen, for finding it there: enough to know it by, few enough to
// fit into a line that holds a prompt as well.
func ending(text []byte) string {
	const enough = 24
	tail := text[max(0, len(text)-8*enough):]
	r := []rune(visible(string(tail)))
	return string(r[max(0, len(r)-enough):])
}

// visible drops what programs put between or around the characters of a text when they show it: blanks, and the lines of boxes.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError || 0x2500 <= r && r <= 0x259f {
			return -1
		}
		return r
	}, s)
}

// shows counts the times that the screen shows a text's ending.
func (s Screen) shows(ending string) int {
	if ending == "" {
		return 0
	}
	return strings.Count(visible(s.Text), ending)
}

// cursorLines gives the n lines up to the one that the cursor is in, as one.
func (s Screen) cursorLines(n int) string {
	lines := strings.Split(s.Text, "\n")
	if s.CursorY < 0 || s.CursorY >= len(lines) {
		return ""
	}
	return visible(strings.Join(lines[max(0, s.CursorY+1-n):s.CursorY+1], ""))
}

// holds reports whether the text's ending stands at the cursor, in the same line on both screens (or two, when it wraps): then it still waits where it
// was typed.
func (s Screen) holds(ending string, later Screen) bool {
	if ending == "" {
		return false
	}
	n := 1
	if !strings.Contains(s.cursorLines(1), ending) {
		n = 2
	}
	line := s.cursorLines(n)
	return strings.Contains(line, ending) && later.cursorLines(n) == line
}

// stands reports whether the text's ending stands at the cursor, in its line or wrapped into it: then it has not been submitted.
func (s Screen) stands(ending string) bool {
	if ending == "" {
		return false
	}
	line, two := s.cursorLines(1), s.cursorLines(2)
	return strings.Contains(line, ending) || strings.Contains(two, ending) && !strings.Contains(strings.TrimSuffix(two, line), ending)
}
