package gcctl

import (
	"io"
	"os"

	"golang.org/x/term"
)

// paint is a colour with a meaning.
type paint int

const (
	paintNone paint = iota
	paintGood
	paintBusy
	paintBad
	paintFaint
	// The rest tell kinds apart, and mean nothing else.
	paintRed
	paintGreen
	paintYellow
	paintBlue
	paintMagenta
	paintCyan
)

// hues are the paints that tell kinds apart.
var hues = [...]paint{paintRed, paintGreen, paintYellow, paintBlue, paintMagenta, paintCyan}

// sequences are the SGR parameters: of the 8 basic colours, so that the person's own scheme applies.
var sequences = map[paint]string{paintGood: "32", paintBusy: "33", paintBad: "31", paintFaint: "2",
	paintRed: "31", paintGreen: "32", paintYellow: "33", paintBlue: "34", paintMagenta: "35", paintCyan: "36"}

// palette paints, or doesn't.
type palette struct{ on bool }

func (p palette) paint(text string, c paint) string {
	if !p.on || c == paintNone || text == "" {
		return text
	}
	return "\x1b[" + sequences[c] + "m" + text + "\x1b[0m"
}

// paletteFor paints on terminals alone, and not when NO_COLOR (https://no-color.org) is set.
func paletteFor(w io.Writer, getenv func(string) string) palette {
	return palette{on: isTerminal(w) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"}
}

// isTerminal says whether f, a stream, is a terminal.
func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
