package main

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// The picture's measures, in SVG units.
const (
	cellWidth  = 8.4
	cellHeight = 18.0
	fontSize   = 14.0
	padding    = 14.0
	titleBar   = 30.0
	gap        = 16.0
)

// window is one recorded terminal.
type window struct {
	title   string
	columns int
	lines   [][]span
}

func (w *window) width() float64 { return 2*padding + float64(w.columns)*cellWidth }
func (w *window) height() float64 {
	return titleBar + padding + float64(len(w.lines))*cellHeight + padding/2
}

// colours follow the reader's own scheme, light or dark.
const colours = `
.frame{fill:#fff;stroke:#d0d7de}.bar{fill:#f6f8fa}.title{fill:#656d76}.fg{fill:#1f2328}.bg{fill:#fff}
.c0{fill:#24292f}.c1{fill:#cf222e}.c2{fill:#116329}.c3{fill:#7d4e00}.c4{fill:#0969da}.c5{fill:#8250df}.c6{fill:#1b7c83}.c7{fill:#6e7781}
.c8{fill:#57606a}.c9{fill:#a40e26}.c10{fill:#1a7f37}.c11{fill:#633c01}.c12{fill:#218bff}.c13{fill:#a475f9}.c14{fill:#3192aa}.c15{fill:#8c959f}
@media (prefers-color-scheme:dark){
.frame{fill:#0d1117;stroke:#30363d}.bar{fill:#161b22}.title{fill:#8b949e}.fg{fill:#e6edf3}.bg{fill:#0d1117}
.c0{fill:#484f58}.c1{fill:#ff7b72}.c2{fill:#3fb950}.c3{fill:#d29922}.c4{fill:#58a6ff}.c5{fill:#bc8cff}.c6{fill:#39c5cf}.c7{fill:#b1bac4}
.c8{fill:#6e7681}.c9{fill:#ffa198}.c10{fill:#56d364}.c11{fill:#e3b341}.c12{fill:#79c0ff}.c13{fill:#d2a8ff}.c14{fill:#56d4dd}.c15{fill:#fff}
}`

// render draws the windows below each other.
func render(description string, windows ...window) string {
	var width, height float64
	for i := range windows {
		width = max(width, windows[i].width())
		height += windows[i].height() + gap
	}
	height -= gap
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" role="img" aria-label="%s">`+"\n", width+2, height+2, width+2, escape(description))
	fmt.Fprintf(&b, "<style>text{font:%gpx ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}.b{font-weight:700}.i{font-style:italic}.u{text-decoration:underline}.d{opacity:.65}%s</style>\n", fontSize, colours)
	top := 1.0
	for i := range windows {
		draw(&b, &windows[i], 1, top, width)
		top += windows[i].height() + gap
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func draw(b *strings.Builder, w *window, left, top, width float64) {
	fmt.Fprintf(b, `<g transform="translate(%g %g)"><rect class="frame" width="%.1f" height="%.1f" rx="8"/>`, left, top, width, w.height())
	fmt.Fprintf(b, `<path class="bar" d="M.5 %g V8 a7.5 7.5 0 0 1 7.5-7.5 H%.1f a7.5 7.5 0 0 1 7.5 7.5 V%g z"/>`, titleBar, width-8, titleBar)
	for i, colour := range []string{"#ff5f57", "#febc2e", "#28c840"} {
		fmt.Fprintf(b, `<circle cx="%d" cy="15" r="5.5" fill="%s"/>`, 18+i*18, colour)
	}
	fmt.Fprintf(b, `<text class="title" x="%.1f" y="20" text-anchor="middle">%s</text>`+"\n", width/2, escape(w.title))
	for i, line := range w.lines {
		y := titleBar + padding + float64(i)*cellHeight
		for _, r := range line {
			drawSpan(b, r, padding, y)
		}
	}
	b.WriteString("</g>\n")
}

func drawSpan(b *strings.Builder, r span, left, y float64) {
	fg, bg := r.style.fg, r.style.bg
	if r.style.reverse {
		if fg == "" {
			fg = "fg"
		}
		if bg == "" {
			bg = "bg"
		}
		fg, bg = bg, fg
	}
	x, width := left+float64(r.column)*cellWidth, float64(r.width)*cellWidth
	if bg != "" {
		fmt.Fprintf(b, `<rect %s x="%.1f" y="%.1f" width="%.1f" height="%g"/>`, fill(bg, ""), x, y, width, cellHeight)
	}
	// Blanks at the ends need no glyphs; textLength keeps every column where the terminal had it, whatever font the reader has.
	text := strings.TrimLeft(r.text, " ")
	x += float64(len(r.text)-len(text)) * cellWidth
	width -= float64(len(r.text)-len(text)) * cellWidth
	trimmed := strings.TrimRight(text, " ")
	width -= float64(len(text)-len(trimmed)) * cellWidth
	if trimmed == "" {
		return
	}
	if fg == "" {
		fg = "fg"
	}
	fmt.Fprintf(b, `<text %s xml:space="preserve" x="%.1f" y="%.1f" textLength="%.1f">%s</text>`+"\n", fill(fg, classes(r.style)), x, y+fontSize-0.5, width, escape(trimmed))
}

// fill gives the attributes that colour an element: classes for what follows the scheme, a fill for a fixed colour.
func fill(colour, more string) string {
	if !strings.HasPrefix(colour, "#") {
		return fmt.Sprintf(`class="%s"`, colour+more)
	}
	if more != "" {
		more = fmt.Sprintf(` class="%s"`, strings.TrimSpace(more))
	}
	return fmt.Sprintf(`fill="%s"%s`, colour, more)
}

func classes(s style) string {
	var b strings.Builder
	for _, c := range []struct {
		on   bool
		name string
	}{{s.bold, " b"}, {s.italic, " i"}, {s.underline, " u"}, {s.dim, " d"}} {
		if c.on {
			b.WriteString(c.name)
		}
	}
	return b.String()
}

func escape(s string) string {
	var b strings.Builder
	// A strings.Builder takes every write.
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}
