package nudge

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"text stays as it is":                       {" a\tb \n c ", " a\tb \n c "},
		"line ends at the end are dropped":          {"hi\n", "hi"},
		"so are several, of either kind":            {"hi\r\n\n\r\n", "hi"},
		"blanks before them are not":                {"hi \n", "hi "},
		"those at the beginning are not":            {"\nhi", "\nhi"},
		"only line ends is nothing":                 {"\n\r\n", ""},
		"the end of a paste loses its escape":       {"a\x1b[201~b", "a[201~b"},
		"however many escapes there are":            {"a\x1b\x1b\x1b[201~b", "a[201~b"},
		"a nested one does not come together":       {"\x1b\x1b[201~[201~", "[201~[201~"},
		"one within another does not come together": {"\x1b[2\x1b[201~01~", "\x1b[2[201~01~"},
		"the beginning of a paste stays":            {"\x1b[200~x", "\x1b[200~x"},
		"other sequences stay":                      {"\x1b[31m\x00\x7f\xff", "\x1b[31m\x00\x7f\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := literal([]byte(c.text)); string(got) != c.want {
				t.Errorf("literal(%q) = %q, want %q", c.text, got, c.want)
			}
		})
	}
}

func TestTyped(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"/help": true, "/": true, "/review é 👍": true,
		"help": false, " /help": false, "/two\nlines": false, "/tab\tby": false, "/bad\xff": false, "": false,
	} {
		if got := typed([]byte(text)); got != want {
			t.Errorf("typed(%q) = %v", text, got)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte("a\x1b\x1b[201~[201~\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		got := literal(text)
		if bytes.Contains(got, []byte("\x1b[201~")) {
			t.Errorf("literal(%q) = %q ends its paste", text, got)
		}
		if !bytes.Equal(before, text) {
			t.Errorf("message changed its argument from %q to %q", before, text)
		}
		if want := bytes.ReplaceAll(bytes.TrimRight(text, "\r\n"), []byte{0x1b}, nil); !bytes.Equal(bytes.ReplaceAll(got, []byte{0x1b}, nil), want) {
			t.Errorf("literal(%q) = %q lost more than escapes", text, got)
		}
	})
}

func FuzzChunks(f *testing.F) {
	f.Add("/né👍x", uint8(4))
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		if !utf8.ValidString(text) {
			return
		}
		limit := int(size%16) + utf8.UTFMax
		got := chunks(text, limit)
		if strings.Join(got, "") != text {
			t.Fatalf("%q is cut into %q", text, got)
		}
		for _, s := range got {
			if len(s) > limit || !utf8.ValidString(s) || s == "" && text != "" {
				t.Errorf("%q of %q is no piece of at most %d bytes", s, text, limit)
			}
		}
	})
}

func TestScreen(t *testing.T) {
	t.Parallel()
	box := Screen{Text: "log\n╭──────╮\n│ > he │\n│ llo  │\n╰──────╯\nclock 1\n", CursorX: 5, CursorY: 3}
	clock := Screen{Text: strings.Replace(box.Text, "clock 1", "clock 2", 1), CursorX: 5, CursorY: 3}
	sent := Screen{Text: "log\n> hello\n╭──────╮\n│ >    │\n╰──────╯\nclock 1\n", CursorX: 4, CursorY: 3}
	end := ending([]byte("say hello"))
	if end != "sayhello" {
		t.Fatalf("ending %q", end)
	}
	end = ending([]byte("hello"))
	if box.shows(end) != 1 || sent.shows(end) != 1 || (Screen{}).shows(end) != 0 || box.shows("") != 0 {
		t.Error("the text is not found on the screen")
	}
	if !box.holds(end, clock) {
		t.Error("a clock that moves hides that the text still waits")
	}
	if box.holds(end, sent) || box.holds("", clock) || (Screen{CursorY: 9}).holds(end, box) {
		t.Error("text that does not wait is said to")
	}
	if got := ending([]byte(strings.Repeat("é ", 1000))); got != strings.Repeat("é", 24) {
		t.Errorf("ending of a long text: %q", got)
	}
}
