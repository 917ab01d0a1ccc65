package tmux

import (
	"strings"
	"testing"
)

func TestLineRefusesWhatCannotBeACommand(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {""}, {"set", "a\x00b"}} {
		if line, err := Line(args...); err == nil {
			t.Errorf("%q: got %q, want an error", args, line)
		}
	}
}

var awkward = []string{
	"", " ", "plain", "~", "~/x", "a~", "$HOME", "${HOME}", "#{pid}", "#(ls)", "%if", "{ a }", "a;b", ";", "\\;", "'", `"`, "\\", "\\\\n", "\n", "a\nb\n", "\r\t\x1b[201~", "\x7f\xff\xfe",
	"ü", "👩‍👩‍👧", "-t", "--", "#comment", "=main", strings.Repeat("x", 50_000), "\x01\x02\x1f", "\\033", "\\u00fc", "@a", "!x", "*?[", "é\xcc\x81",
}

func FuzzAnArgumentRoundTripsThroughTmux(f *testing.F) {
	for _, s := range awkward {
		f.Add(s)
	}
	c, _ := testServer(f, "cat", nil)
	f.Fuzz(func(t *testing.T, s string) {
		if strings.IndexByte(s, 0) >= 0 {
			t.Skip()
		}
		// An environment value is stored and printed byte for byte; options and messages go through formats.
		if _, err := c.Run(t.Context(), "set-environment", "-g", "FUZZ", s); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		got, err := c.Run(t.Context(), "show-environment", "-g", "FUZZ")
		if err != nil || string(got) != "FUZZ="+s+"\n" {
			t.Errorf("sent %q, got back %q, %v", s, got, err)
		}
	})
}
