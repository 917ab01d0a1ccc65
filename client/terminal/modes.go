package terminal

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// resetAll turns off everything that a program in the session may have turned on, for when nobody knows what that was: synchronised updates, colours and
// character sets, mouse reports, focus reports, bracketed paste, cursor keys and keypad, the keyboard protocols, the scroll region, the
// cursor's style; then it shows the cursor and leaves the alternate screen, which puts the cursor back to where it was.
const resetAll = "\x1b[?2026l" +
	"\x1b[0m\x1b(B\x0f" +
	"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l" +
	"\x1b[?1004l\x1b[?2004l\x1b[?1l\x1b>\x1b[>4m\x1b[<u" +
	"\x1b[r\x1b[?7h\x1b[0 q\x1b[?25h\x1b[?1049l"

// cancelSequence (CAN) ends a sequence that was cut off midway, which would swallow what comes.
const cancelSequence = "\x18"

// alternateScreens are the private modes that switch to the alternate screen.
var alternateScreens = []int{1049, 1047, 47}

// modes knows what the bytes written to a terminal have turned on in it, so that just that is turned off again: a blind reset would move the cursor
// of a terminal that never was on its alternate screen.
type modes struct {
	touched     bool
	private     map[int]bool // DEC private modes that were set or reset, and to what
	cursorStyle bool
	otherKeys   bool
	kitty       int // keyboard protocol settings pushed
	region      bool
	left        bool // the alternate screen was on, and is off again

	state  modeState
	prefix byte
	params []byte
	inter  byte
}

type modeState int

const (
	modeGround modeState = iota
	modeEscape
	modeSequence
)

// maxParams bounds what is kept of a sequence; longer ones set no modes.
const maxParams = 64

// track reads what a session writes to the terminal, and gives what of it should be shown: all but the text after the alternate screen was left,
// which is tmux's own good-bye ("[detached (from session main)]"). Attach says how it ended.
func (m *modes) track(p []byte) []byte {
	m.touched = m.touched || len(p) > 0
	shown := p
	cut := false
	for i, n := 0, 0; i < len(p); i += n {
		text := m.state == modeGround && p[i] != 0x1b
		n = 1
		if text {
			if n = bytes.IndexByte(p[i:], 0x1b); n < 0 {
				n = len(p) - i
			}
		} else {
			m.step(p[i])
		}
		switch {
		case text && m.left && !cut:
			cut, shown = true, slices.Clip(p[:i])
		case cut && !(text && m.left):
			shown = append(shown, p[i:i+n]...)
		}
	}
	return shown
}

func (m *modes) step(c byte) {
	switch {
	case c == 0x1b:
		m.state = modeEscape
	case m.state == modeEscape && c == '[':
		m.state, m.prefix, m.inter, m.params = modeSequence, 0, 0, m.params[:0]
	case m.state == modeEscape:
		if c == 'c' { // a full reset
			*m = modes{touched: true}
		}
		m.state = modeGround
	case c >= 0x40 && c <= 0x7e:
		m.finish(c)
		m.state = modeGround
	case c >= '<' && c <= '?' && len(m.params) == 0:
		m.prefix = c
	case c >= '0' && c <= ';' && len(m.params) < maxParams:
		m.params = append(m.params, c)
	case c >= 0x20 && c <= 0x2f:
		m.inter = c
	case c < 0x20: // a control inside a sequence acts on its own
	default:
		m.state = modeGround
	}
}

// finish acts on a whole control sequence.
func (m *modes) finish(final byte) {
	switch {
	case m.prefix == '?' && (final == 'h' || final == 'l'):
		for p := range strings.SplitSeq(string(m.params), ";") {
			if n, err := strconv.Atoi(p); err == nil {
				if m.private == nil {
					m.private = map[int]bool{}
				}
				set := final == 'h'
				if slices.Contains(alternateScreens, n) {
					m.left = !set && (m.left || m.private[n])
				}
				m.private[n] = set
			}
		}
	case m.prefix == '>' && final == 'm':
		m.otherKeys = true
	case m.prefix == '>' && final == 'u':
		m.kitty++
	case m.prefix == '<' && final == 'u':
		popped := 1
		if n, err := strconv.Atoi(string(m.params)); err == nil {
			popped = n
		}
		m.kitty = max(0, m.kitty-popped)
	case m.inter == ' ' && final == 'q':
		m.cursorStyle = true
	case m.prefix == 0 && m.inter == 0 && final == 'r':
		m.region = len(m.params) > 0
	}
}

// reset gives what turns off what is on. It is empty when nothing was written.
func (m *modes) reset() string {
	if !m.touched {
		return ""
	}
	var b strings.Builder
	if m.state != modeGround {
		b.WriteString(cancelSequence)
	}
	b.WriteString("\x1b[?2026l\x1b[0m\x1b(B\x0f\x1b[?1l\x1b>")
	var last string
	for _, n := range slices.Sorted(maps.Keys(m.private)) {
		set := m.private[n]
		switch {
		case n == 25 || n == 7: // on by nature
			if !set {
				fmt.Fprintf(&b, "\x1b[?%dh", n)
			}
		case set && slices.Contains(alternateScreens, n):
			last += fmt.Sprintf("\x1b[?%dl", n)
		case set && n != 1 && n != 2026:
			fmt.Fprintf(&b, "\x1b[?%dl", n)
		}
	}
	if m.otherKeys {
		b.WriteString("\x1b[>4m")
	}
	if m.kitty > 0 {
		fmt.Fprintf(&b, "\x1b[<%du", m.kitty)
	}
	if m.cursorStyle {
		b.WriteString("\x1b[0 q")
	}
	if m.region {
		b.WriteString("\x1b7\x1b[r\x1b8") // setting the region moves the cursor
	}
	b.WriteString(last)
	return b.String()
}
