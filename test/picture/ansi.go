package main

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// style is how a cell looks. Colours are CSS: a class-like palette name ("c0" to "c15"), an "#rrggbb", or "" for the terminal's default.
type style struct {
	fg, bg                                string
	bold, dim, italic, underline, reverse bool
}

// span is text of one style on one line.
type span struct {
	column, width int // in cells
	text          string
	style         style
}

// parse reads what `tmux capture-pane -e -p` gave: lines of text with SGR sequences, whose effect goes on from line to line.
func parse(captured string) [][]span {
	var p parser
	var lines [][]span
	for _, line := range strings.Split(strings.TrimSuffix(captured, "\n"), "\n") {
		lines = append(lines, p.line(line))
	}
	return lines
}

// parser carries what outlasts a line.
type parser struct {
	style   style
	drawing bool // the line drawing character set is on
}

func (p *parser) line(s string) []span {
	var runs []span
	column := 0
	for len(s) > 0 {
		if s[0] == 0x1b {
			s = p.escape(s)
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		switch r {
		case 0x0e:
			p.drawing = true
			continue
		case 0x0f:
			p.drawing = false
			continue
		}
		if box, ok := lineDrawing[r]; ok && p.drawing {
			r = box
		}
		width := cells(r)
		if last := len(runs) - 1; last >= 0 && runs[last].style == p.style {
			runs[last].text += string(r)
			runs[last].width += width
		} else {
			runs = append(runs, span{column: column, width: width, text: string(r), style: p.style})
		}
		column += width
	}
	return runs
}

// escape takes one escape sequence off s. Only SGR means something here; of the rest tmux writes no more than links.
func (p *parser) escape(s string) string {
	if strings.HasPrefix(s, "\x1b]") {
		if i := strings.Index(s, "\x1b\\"); i >= 0 {
			return s[i+2:]
		}
		return ""
	}
	if !strings.HasPrefix(s, "\x1b[") {
		return s[1:]
	}
	end := strings.IndexFunc(s[2:], func(r rune) bool { return r >= 0x40 && r <= 0x7e })
	if end < 0 {
		return ""
	}
	if s[2+end] == 'm' {
		p.sgr(strings.FieldsFunc(s[2:2+end], func(r rune) bool { return r == ';' || r == ':' }))
	}
	return s[2+end+1:]
}

func (p *parser) sgr(params []string) {
	if len(params) == 0 {
		p.style = style{}
	}
	for i := 0; i < len(params); i++ {
		n, _ := strconv.Atoi(params[i])
		switch {
		case n == 0:
			p.style = style{}
		case n == 1:
			p.style.bold = true
		case n == 2:
			p.style.dim = true
		case n == 3:
			p.style.italic = true
		case n == 4:
			p.style.underline = true
		case n == 7:
			p.style.reverse = true
		case n == 22:
			p.style.bold, p.style.dim = false, false
		case n == 23:
			p.style.italic = false
		case n == 24:
			p.style.underline = false
		case n == 27:
			p.style.reverse = false
		case n >= 30 && n <= 37:
			p.style.fg = palette(n - 30)
		case n == 38:
			p.style.fg, i = extended(params, i)
		case n == 39:
			p.style.fg = ""
		case n >= 40 && n <= 47:
			p.style.bg = palette(n - 40)
		case n == 48:
			p.style.bg, i = extended(params, i)
		case n == 49:
			p.style.bg = ""
		case n >= 90 && n <= 97:
			p.style.fg = palette(n - 90 + 8)
		case n >= 100 && n <= 107:
			p.style.bg = palette(n - 100 + 8)
		}
	}
}

// extended reads a colour of 38 or 48 at params[i] and gives the index of its last parameter.
func extended(params []string, i int) (colour string, last int) {
	number := func(at int) int {
		if at >= len(params) {
			return 0
		}
		n, _ := strconv.Atoi(params[at])
		return max(0, min(n, 255))
	}
	switch number(i + 1) {
	case 5:
		return palette(number(i + 2)), i + 2
	case 2:
		return hex(number(i+2), number(i+3), number(i+4)), i + 4
	}
	return "", i + 1
}

// palette gives colour n of the 256: the first 16 by name, as they differ between light and dark; then a cube of 6×6×6 and 24 greys.
func palette(n int) string {
	switch {
	case n < 16:
		return "c" + strconv.Itoa(n)
	case n < 232:
		level := func(v int) int {
			if v == 0 {
				return 0
			}
			return 55 + 40*v
		}
		n -= 16
		return hex(level(n/36), level(n/6%6), level(n%6))
	default:
		grey := 8 + 10*(n-232)
		return hex(grey, grey, grey)
	}
}

func hex(r, g, b int) string {
	const digits = "0123456789abcdef"
	out := []byte{'#'}
	for _, v := range []int{r, g, b} {
		out = append(out, digits[v>>4], digits[v&15])
	}
	return string(out)
}

// lineDrawing is the part of the VT100 character set that programs draw boxes with.
var lineDrawing = map[rune]rune{
	'j': '┘', 'k': '┐', 'l': '┌', 'm': '└', 'n': '┼', 'q': '─', 't': '├', 'u': '┤', 'v': '┴', 'w': '┬', 'x': '│', 'a': '▒', '`': '◆', '~': '·',
}

// cells is how many columns a terminal gives r.
func cells(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) || r >= 0xfe00 && r <= 0xfe0f:
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}
