package tmux

import (
	"errors"
	"strings"
)

// ErrNUL is returned for an argument that holds a NUL byte, which tmux can't take.
var ErrNUL = errors.New("a NUL byte can't be given to tmux")

// appendQuoted writes s as one word of tmux's command language, in double quotes. Every byte that means something there, or that would end the line, is
// written as an octal escape. s must not hold NUL.
func appendQuoted(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('\\')
			b.WriteByte('0' + c>>6)
			b.WriteByte('0' + c>>3&7)
			b.WriteByte('0' + c&7)
		}
	}
	b.WriteByte('"')
}

// plain tells whether c stands for itself within double quotes. Backslash, quote and dollar do not; tilde does not at the start; 0xff is taken
// for the end of the input by a tmux built where char is signed.
func plain(c byte) bool {
	switch c {
	case '"', '\\', '$', '~', 0x7f, 0xff:
		return false
	}
	return c >= ' '
}

// Line gives a command as one line (without its newline) for the control connection or a configuration.
func Line(args ...string) (string, error) {
	var b strings.Builder
	if err := appendLine(&b, args); err != nil {
		return "", err
	}
	return b.String(), nil
}

func appendLine(b *strings.Builder, args []string) error {
	if len(args) == 0 || args[0] == "" {
		return errors.New("empty tmux command")
	}
	n := 0
	for _, a := range args {
		if strings.IndexByte(a, 0) >= 0 {
			return ErrNUL
		}
		n += len(a) + 3
	}
	b.Grow(n)
	for i, a := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		appendQuoted(b, a)
	}
	return nil
}
