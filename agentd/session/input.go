package session

// reports tells what a person typed from what a terminal says by itself when a program asks it something or its focus changes: merely to look at a session
// is no activity. It keeps its place in a sequence that comes in pieces. The zero value is ready.
type reports struct {
	state  reportState
	params int // bytes of a CSI's parameters so far
}

type reportState int

const (
	ground reportState = iota
	escape
	csi
	str // within a DCS, OSC or APC string
	strEscape
)

// typed tells whether p holds anything that a person typed.
func (r *reports) typed(p []byte) bool {
	person := false
	for _, c := range p {
		person = r.next(c) || person
	}
	// A lone ESC is the key, as terminals send their reports in one piece.
	if r.state == escape {
		r.state = ground
		person = true
	}
	return person
}

// next takes one byte, and tells whether it shows that a person typed.
func (r *reports) next(c byte) bool {
	switch r.state {
	case ground:
		if c == 0x1b {
			r.state = escape
			return false
		}
		return true
	case escape:
		switch c {
		case '[':
			r.state, r.params = csi, 0
			return false
		case 'P', ']', '_', '^':
			r.state = str
			return false
		}
		r.state = ground
		return true // Alt and a key, or a function key
	case csi:
		if c >= 0x20 && c < 0x40 {
			r.params++
			return false
		}
		r.state = ground
		return !r.report(c)
	case str:
		switch c {
		case 0x07:
			r.state = ground
		case 0x1b:
			r.state = strEscape
		}
		return false
	default: // strEscape
		r.state = ground
		if c != '\\' {
			r.state = str
		}
		return false
	}
}

// report tells whether a CSI sequence with this final byte is a report: device attributes, cursor position, status, mode, size, and focus in and out.
func (r *reports) report(final byte) bool {
	switch final {
	case 'c', 'n', 'y', 't', 'x':
		return true
	case 'R':
		return r.params > 0
	case 'I', 'O':
		return r.params == 0
	}
	return false
}
