package terminal

import (
	"bytes"
	"strings"
	"testing"
)

// typedIn gives what a scanner lets through of input, with the escapes in it in angle brackets.
func typedIn(s *scanner, input string) string {
	var out strings.Builder
	names := map[escape]string{escapeLeave: "<leave>", escapeHelp: "<help>", escapeSuspend: "<suspend>"}
	for rest := []byte(input); len(rest) > 0; {
		var data []byte
		var e escape
		data, e, rest = s.scan(nil, rest)
		out.Write(data)
		out.WriteString(names[e])
	}
	return out.String()
}

func TestScanner(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		readOnly    bool
		input, want string
	}{
		"keys pass": {input: "ls -l\r", want: "ls -l\r"},
		"the first thing typed is at a line's start":  {input: "~.", want: "<leave>"},
		"an escape counts after Enter":                {input: "a\r~.", want: "a\r<leave>"},
		"an escape counts after a line feed":          {input: "a\n~?b", want: "a\n<help>b"},
		"suspend is tilde and Ctrl-Z":                 {input: "~\x1a", want: "<suspend>"},
		"a tilde in a line is itself":                 {input: "a~.", want: "a~."},
		"two tildes are one":                          {input: "~~.", want: "~."},
		"three tildes are two":                        {input: "~~~", want: "~~"},
		"a tilde before another key is itself":        {input: "~/bin\r", want: "~/bin\r"},
		"a tilde before Enter begins a new line":      {input: "~\r~.", want: "~\r<leave>"},
		"a tilde before an arrow key is itself":       {input: "~\x1b[A~.", want: "~\x1b[A~."},
		"an escape can follow an escape":              {input: "~?~.", want: "<help><leave>"},
		"pasted escapes are text":                     {input: "\x1b[200~~.\r~.\x1b[201~", want: "\x1b[200~~.\r~.\x1b[201~"},
		"after a paste and Enter escapes count":       {input: "\x1b[200~x\x1b[201~\r~.", want: "\x1b[200~x\x1b[201~\r<leave>"},
		"an arrow key is typing":                      {input: "\x1b[A~.", want: "\x1b[A~."},
		"an application arrow key is typing":          {input: "\x1bOA~.", want: "\x1bOA~."},
		"Alt and a key is typing":                     {input: "\x1bx~.", want: "\x1bx~."},
		"Alt and a tilde is no escape":                {input: "\x1b~.", want: "\x1b~."},
		"a function key's tilde is no escape":         {input: "\x1b[15~.", want: "\x1b[15~."},
		"the answer to what it is doesn't count":      {input: "\x1b[?62;22c\x1b[>84;0;0c~.", want: "\x1b[?62;22c\x1b[>84;0;0c<leave>"},
		"the answer to its version doesn't count":     {input: "\x1bP>|tmux 3.3a\x1b\\~.", want: "\x1bP>|tmux 3.3a\x1b\\<leave>"},
		"the answer about colours doesn't count":      {input: "\x1b]11;rgb:0/0/0\x07~.", want: "\x1b]11;rgb:0/0/0\x07<leave>"},
		"the cursor's place doesn't count":            {input: "\x1b[12;40R~.", want: "\x1b[12;40R<leave>"},
		"focus doesn't count":                         {input: "\x1b[O\x1b[I~.", want: "\x1b[O\x1b[I<leave>"},
		"the mouse doesn't count":                     {input: "\x1b[<0;1;1M\x1b[<0;1;1m~.", want: "\x1b[<0;1;1M\x1b[<0;1;1m<leave>"},
		"the old mouse doesn't count":                 {input: "\x1b[M ~~~.", want: "\x1b[M ~~<leave>"},
		"a report in a line leaves it a line":         {input: "a\x1b[I~.", want: "a\x1b[I~."},
		"Alt and a bracket begins no endless report":  {input: "\x1b]\r~.", want: "\x1b]\r<leave>"},
		"a string that goes on for ever is no report": {input: "\x1bP" + strings.Repeat("x", maxReport) + "\r~.", want: "\x1bP" + strings.Repeat("x", maxReport) + "\r<leave>"},
		"read-only, an escape counts everywhere":      {readOnly: true, input: "abc~.", want: "abc<leave>"},
		"read-only, Ctrl-C leaves":                    {readOnly: true, input: "abc\x03", want: "abc<leave>"},
		"else Ctrl-C is a key":                        {input: "abc\x03", want: "abc\x03"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := typedIn(&scanner{readOnly: c.readOnly}, c.input); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			byByte := &scanner{readOnly: c.readOnly}
			var got strings.Builder
			for _, b := range []byte(c.input) {
				got.WriteString(typedIn(byByte, string([]byte{b})))
			}
			if got.String() != c.want {
				t.Errorf("byte by byte: got %q, want %q", got.String(), c.want)
			}
		})
	}
}

func TestScannerTellsKeysFromReports(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]bool{
		"a": true, "\r": true, "\x1b": true, "\x1b[A": true, "\x1b[200~": true, "\x1bOP": true, "\x1b[5~": true,
		"\x1b[I": false, "\x1b[>0;1c": false, "\x1b[<35;1;1M": false, "\x1bP>|x\x1b\\": false, "\x1b]10;?\x1b\\": false,
	} {
		s := &scanner{}
		s.scan(nil, []byte(input))
		if got := s.takeKeyed(); got != want {
			t.Errorf("%q: a key: %v, want %v", input, got, want)
		}
		if s.takeKeyed() {
			t.Errorf("%q counts twice", input)
		}
	}
}

// FuzzScanner proves that nothing typed is lost but escapes, however it is cut into reads.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{"ls\r~.", "~~~", "\x1b[200~~.\x1b[201~", "\x1bP>|x\x1b\\~?", "\x1b[M ~~~.", "\x1b]\x1b]\r", "~\x1a~"} {
		f.Add([]byte(seed), 3, false)
	}
	f.Fuzz(func(t *testing.T, input []byte, cut int, readOnly bool) {
		whole := typedIn(&scanner{readOnly: readOnly}, string(input))
		cut = max(0, min(cut, len(input)))
		s := &scanner{readOnly: readOnly}
		if parts := typedIn(s, string(input[:cut])) + typedIn(s, string(input[cut:])); parts != whole {
			t.Fatalf("cut at %d: %q, whole %q", cut, parts, whole)
		}
		if !bytes.Contains(input, []byte("~")) && !readOnly && whole != string(input) {
			t.Fatalf("without a tilde %q became %q", input, whole)
		}
		if len(whole) > len(input)+len("<suspend>")*len(input) {
			t.Fatalf("%q grew to %q", input, whole)
		}
	})
}
