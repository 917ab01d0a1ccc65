package terminal

// reports tells what a terminal says by itself (answers to questions, the mouse, focus) from keys, in what it sends.
type reports struct {
	state reportState
	// private: the control sequence began with one of <=>?, which keys never do.
	private bool
	params  bool
	// left is how many bytes of an old mouse report, or of a string, are still to come.
	left int
}

type reportState int

const (
	reportNone reportState = iota
	reportEscape
	reportControl    // ESC [ …
	reportSingle     // ESC O c, a key
	reportMouse      // ESC [ M and three bytes
	reportString     // ESC P, ], X, ^ or _ … ESC \
	reportTerminator // the ESC of that
)

// maxReport bounds a string, in bytes: what is longer is no report, but Alt and a key, with typing after it.
const maxReport = 4096

// within says whether a sequence has begun and not ended.
func (r *reports) within() bool { return r.state != reportNone }

// lone says whether the last byte was an Escape that began a sequence.
func (r *reports) lone() bool { return r.state == reportEscape }

// typed takes the next byte, and says whether a key ended with it. No byte of a report is one.
func (r *reports) typed(c byte) bool {
	switch r.state {
	case reportEscape:
		return r.begin(c)
	case reportControl:
		return r.control(c)
	case reportMouse:
		if r.left--; r.left == 0 {
			r.state = reportNone
		}
		return false
	case reportString, reportTerminator:
		return r.text(c)
	case reportSingle:
		r.state = reportNone
		return true
	}
	if c == 0x1b {
		r.state = reportEscape
		return false
	}
	return true
}

// begin takes the byte after an Escape.
func (r *reports) begin(c byte) bool {
	*r = reports{state: reportNone}
	switch c {
	case '[':
		r.state = reportControl
	case 'O':
		r.state = reportSingle
	case 'P', ']', 'X', '^', '_':
		r.state, r.left = reportString, maxReport
	case 0x1b:
		r.state = reportEscape
	default: // Alt and a key
		return true
	}
	return false
}

// control takes a byte of a control sequence.
func (r *reports) control(c byte) bool {
	switch {
	case c >= '<' && c <= '?' && !r.params:
		r.private = true
	case c >= 0x20 && c <= 0x3f:
		r.params = true
	case c == 'M' && !r.private && !r.params:
		r.state, r.left = reportMouse, 3
	case c >= 0x40 && c <= 0x7e:
		r.state = reportNone
		return !r.private && !answer(c, r.params)
	default: // Alt-[ and a key
		r.state = reportNone
		return r.typed(c)
	}
	return false
}

// answer says whether final ends a sequence that is no key: focus in and out; device attributes, status, the cursor's place, window sizes, modes, the mouse.
func answer(final byte, params bool) bool {
	switch final {
	case 'I', 'O':
		return !params
	case 'c', 'n', 'R', 't', 'y', 'M':
		return params
	}
	return false
}

// text takes a byte of a string. One that no report holds was typed, after Alt and the key that looks like a string's beginning.
func (r *reports) text(c byte) bool {
	r.left--
	switch {
	case r.state == reportTerminator && c != '\\':
		return r.begin(c)
	case r.state == reportTerminator, c == 0x07:
		r.state = reportNone
		return false
	case c == 0x1b:
		r.state = reportTerminator
		return false
	case c < 0x20, r.left == 0:
		r.state = reportNone
		return true
	}
	return false
}
