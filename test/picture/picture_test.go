package main

import (
	"encoding/xml"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	red, bold := style{fg: "c1"}, style{bold: true}
	for _, c := range []struct {
		name, screen string
		want         [][]span
	}{
		{"plain text is one run a line", "a b\nc\n", [][]span{{{0, 3, "a b", style{}}}, {{0, 1, "c", style{}}}}},
		{"a colour ends where it is reset", "\x1b[31mred\x1b[0m!", [][]span{{{0, 3, "red", red}, {3, 1, "!", style{}}}}},
		{"a style goes on in the next line", "\x1b[1ma\nb", [][]span{{{0, 1, "a", bold}}, {{0, 1, "b", bold}}}},
		{"an empty SGR resets", "\x1b[1ma\x1b[mb", [][]span{{{0, 1, "a", bold}, {1, 1, "b", style{}}}}},
		{"the 256 colours", "\x1b[38;5;196;48;5;232mx", [][]span{{{0, 1, "x", style{fg: "#ff0000", bg: "#080808"}}}}},
		{"the first 16 of them go by name", "\x1b[38;5;9mx", [][]span{{{0, 1, "x", style{fg: "c9"}}}}},
		{"true colour, also with colons", "\x1b[38:2:1:2:255mx", [][]span{{{0, 1, "x", style{fg: "#0102ff"}}}}},
		{"wide characters take two cells", "💬a", [][]span{{{0, 3, "💬a", style{}}}}},
		{"line drawing", "\x0elqk\x0fq", [][]span{{{0, 4, "┌─┐q", style{}}}}},
		{"links and other sequences leave no trace", "\x1b]8;;http://x\x1b\\a\x1b]8;;\x1b\\\x1b[2Kb", [][]span{{{0, 2, "ab", style{}}}}},
		{"a sequence that is cut off", "a\x1b[3", [][]span{{{0, 1, "a", style{}}}}},
		{"an empty line", "", [][]span{nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := parse(c.screen); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%q became\n%+v, want\n%+v", c.screen, got, c.want)
			}
		})
	}
}

func FuzzParseAndRender(f *testing.F) {
	f.Add("\x1b[38;2;1;2m\x0eq\x0f💬\x1b]8;;\n")
	f.Fuzz(func(t *testing.T, screen string) {
		wellFormed(t, render("fuzz", window{title: "x", columns: 80, lines: parse(screen)}))
	})
}

// wellFormed fails the test when svg is no XML.
func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
}

func TestRenderKeepsTextAndColumns(t *testing.T) {
	t.Parallel()
	svg := render(`a "picture"`, window{title: "<shell>", columns: 20, lines: parse("\x1b[7m a&b \x1b[0m\n\x1b[32;1m   ok")})
	wellFormed(t, svg)
	for _, want := range []string{
		`&lt;shell&gt;`, `aria-label="a &#34;picture&#34;"`,
		`<rect class="fg" x="14.0"`, `<text class="bg" xml:space="preserve" x="22.4" y="57.5" textLength="25.2">a&amp;b</text>`,
		`<text class="c2 b" xml:space="preserve" x="39.2" y="75.5" textLength="16.8">ok</text>`,
	} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s in\n%s", want, svg)
		}
	}
}
