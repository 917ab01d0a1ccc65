package terminal

import (
	"strings"
	"testing"
)

func TestModesTurnsOffWhatIsOn(t *testing.T) {
	t.Parallel()
	const always = "\x1b[?2026l\x1b[0m\x1b(B\x0f\x1b[?1l\x1b>"
	for name, c := range map[string]struct{ written, want string }{
		"nothing was written":               {"", ""},
		"text alone":                        {"hello", always},
		"the alternate screen goes last":    {"\x1b[?1049h\x1b[?2004h", always + "\x1b[?2004l\x1b[?1049l"},
		"many in one sequence":              {"\x1b[?1000;1006h", always + "\x1b[?1000l\x1b[?1006l"},
		"what was turned off again is off":  {"\x1b[?1000h\x1b[?1000l", always},
		"a hidden cursor is shown":          {"\x1b[?25l", always + "\x1b[?25h"},
		"a shown cursor is left alone":      {"\x1b[?25l\x1b[?25h", always},
		"lines that don't wrap do":          {"\x1b[?7l", always + "\x1b[?7h"},
		"the cursor's style":                {"\x1b[4 q", always + "\x1b[0 q"},
		"the scroll region":                 {"\x1b[2;5r", always + "\x1b7\x1b[r\x1b8"},
		"a scroll region that was reset":    {"\x1b[2;5r\x1b[r", always},
		"kitty's keyboard, popped as often": {"\x1b[>1u\x1b[>5u", always + "\x1b[<2u"},
		"xterm's other keys":                {"\x1b[>4;2m", always + "\x1b[>4m"},
		"a full reset":                      {"\x1b[?1000h\x1bc", always},
		"a sequence that was cut off":       {"\x1b[?10", cancelSequence + always},
		"one with too many parameters":      {"\x1b[?" + strings.Repeat("1;", 200) + "1000h", always},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var m modes
			for _, b := range []byte(c.written) {
				m.track([]byte{b})
			}
			if got := m.reset(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestModesDropsTheTextAfterTheAlternateScreen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ written, want string }{
		"all passes on a terminal without one": {"\x1b[?1049lhello\r\n", "\x1b[?1049lhello\r\n"},
		"tmux's good-bye": {
			"\x1b[?1049hscreen\x1b[?1049l\x1b[?1l[detached (from session main)]\r\n",
			"\x1b[?1049hscreen\x1b[?1049l\x1b[?1l",
		},
		"but not what is shown after a return": {
			"\x1b[?1049ha\x1b[?1049lbye\x1b[?1049hb",
			"\x1b[?1049ha\x1b[?1049l\x1b[?1049hb",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var whole, byByte modes
			if got := string(whole.track([]byte(c.written))); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			var got []byte
			for _, b := range []byte(c.written) {
				got = append(got, byByte.track([]byte{b})...)
			}
			if string(got) != c.want {
				t.Errorf("byte by byte: got %q, want %q", got, c.want)
			}
		})
	}
}

// FuzzModes proves that a reset leaves nothing on, and that nothing is shown which wasn't written.
func FuzzModes(f *testing.F) {
	f.Add([]byte("\x1b[?1049h\x1b[?25l\x1b[?1000;1006h\x1b[2;3r\x1b[>1u"))
	f.Add([]byte("\x1b[?1049ha\x1b[?1049lbye"))
	f.Fuzz(func(t *testing.T, written []byte) {
		input := string(written)
		var m modes
		shown := m.track(written)
		if len(shown) > len(input) || string(written) != input {
			t.Fatalf("%q is shown as %q, and is now %q", input, shown, written)
		}
		m.track([]byte(m.reset()))
		for mode, on := range m.private {
			if on && mode != 25 && mode != 7 {
				t.Fatalf("after %q mode %d is left on", input, mode)
			}
		}
		if m.kitty != 0 || m.region {
			t.Fatalf("after %q the keyboard's protocol or the scroll region is left", input)
		}
	})
}
