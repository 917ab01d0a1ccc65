package gcctl

import (
	"io"
	"strings"
)

// cell is one field of a table. Its colour doesn't count for its width.
type cell struct {
	text  string
	paint paint
}

// plain makes cells without colour.
func plain(texts ...string) []cell {
	cells := make([]cell, len(texts))
	for i, t := range texts {
		cells[i].text = t
	}
	return cells
}

// gap is what stands between two columns.
const gap = 3

// table lays out rows, also such that come later, under those that came before.
type table struct {
	widths []int // of the columns, as wide as the widest cell so far
}

// lines lays rows out. They are cut at limit columns; 0 means never.
func (t *table) lines(rows [][]cell, p palette, limit int) []string {
	for _, row := range rows {
		for i, c := range row {
			if i == len(t.widths) {
				t.widths = append(t.widths, 0)
			}
			t.widths[i] = max(t.widths[i], width(c.text))
		}
	}
	lines := make([]string, len(rows))
	for r, row := range rows {
		lines[r] = tableLine(row, t.widths, p, limit)
	}
	return lines
}

func tableLine(row []cell, widths []int, p palette, limit int) string {
	var b strings.Builder
	left := limit
	for i, c := range row {
		text := c.text
		if limit > 0 {
			text = clip(text, left)
			left -= width(text)
		}
		b.WriteString(p.paint(text, c.paint))
		if i == len(row)-1 {
			break
		}
		space := widths[i] - width(c.text) + gap
		if limit > 0 {
			space = min(space, left)
			left -= space
		}
		b.WriteString(strings.Repeat(" ", max(0, space)))
	}
	return strings.TrimRight(b.String(), " ")
}

// write prints rows.
func (t *table) write(w io.Writer, rows [][]cell, p palette) error {
	_, err := io.WriteString(w, joinLines(t.lines(rows, p, 0)))
	return err
}

func joinLines(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
