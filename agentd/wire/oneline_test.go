package wire

import "testing"

func TestOneLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain": "plain", "two\nlines\n": "two; lines", " \n\n padded \r\n": "padded", "\x1b[31mred\x07": "[31mred", "": "", "\n": "", "a\tb\rc": "a b c",
		"\ta\n\t\n\tb": "a; b", "\u009b31mred": "31mred",
	} {
		if got := OneLine(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
