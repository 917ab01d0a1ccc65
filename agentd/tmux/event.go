package tmux

import (
	"bytes"
	"strconv"
)

// Kind says what an Event tells.
type Kind int

// The kinds of event. What tmux tells beyond these isn't passed on.
const (
	// Output: a pane printed Data.
	Output Kind = iota + 1
	// Paused: tmux stopped sending the pane's output, since it was a flood or we were too slow to read it. The Control asks for it to go on by itself; what is
	// printed meanwhile is lost to Output events, though not to the screen.
	Paused
	// Continued: output flows again, 40 ms or more after it was paused. There may have been output meanwhile.
	Continued
	// SessionRenamed: the session with ID now is called Name.
	SessionRenamed
	// SessionsChanged: a session was made or destroyed.
	SessionsChanged
	// LayoutChanged: a window was resized, or its panes changed.
	LayoutChanged
	// WindowClosed: a window is gone.
	WindowClosed
	// ClientsChanged: a client attached elsewhere or detached.
	ClientsChanged
	// PaneModeChanged: a pane entered or left a mode (copy mode).
	PaneModeChanged
)

// Pane is the number of a pane's id: 3 for %3.
type Pane int

// String gives the pane's id, as a target for commands.
func (p Pane) String() string { return "%" + strconv.Itoa(int(p)) }

// Event is something that tmux told unasked.
type Event struct {
	Kind Kind
	// Pane is set for Output, Paused, Continued and PaneModeChanged.
	Pane Pane
	// ID is the session's ($0) or window's (@0), where the kind has one.
	ID string
	// Name is the session's new name.
	Name string
	// Data is what was printed, for Output. It is valid until the handler returns.
	Data Escaped
}

// Escaped is pane output as control mode sends it: bytes under 32 and backslashes as three octal digits, all else raw.
type Escaped []byte

// AppendTo appends the output, decoded, to dst. A backslash that no three octal digits follow stands for itself.
func (e Escaped) AppendTo(dst []byte) []byte {
	for {
		i := bytes.IndexByte(e, '\\')
		if i < 0 {
			return append(dst, e...)
		}
		dst = append(dst, e[:i]...)
		if i+3 < len(e) && e[i+1] <= '3' && octal(e[i+1]) && octal(e[i+2]) && octal(e[i+3]) {
			dst = append(dst, (e[i+1]-'0')<<6|(e[i+2]-'0')<<3|(e[i+3]-'0'))
			e = e[i+4:]
		} else {
			dst = append(dst, '\\')
			e = e[i+1:]
		}
	}
}

func octal(c byte) bool { return c >= '0' && c <= '7' }

// parseEvent reads a notification, a line that starts with %. It is false for those that aren't passed on, and for what is none.
func parseEvent(line []byte) (Event, bool) {
	word, rest, _ := bytes.Cut(line, []byte{' '})
	switch string(word) {
	case "%output":
		id, data, ok := bytes.Cut(rest, []byte{' '})
		pane, valid := parsePane(id)
		return Event{Kind: Output, Pane: pane, Data: Escaped(data)}, ok && valid
	case "%extended-output":
		// %extended-output %0 AGE … : DATA; fields may be added before the colon.
		id, rest, ok := bytes.Cut(rest, []byte{' '})
		_, data, colon := bytes.Cut(rest, []byte(": "))
		pane, valid := parsePane(id)
		return Event{Kind: Output, Pane: pane, Data: Escaped(data)}, ok && colon && valid
	case "%pause":
		return paneEvent(Paused, rest)
	case "%continue":
		return paneEvent(Continued, rest)
	case "%pane-mode-changed":
		return paneEvent(PaneModeChanged, rest)
	case "%session-renamed":
		// %session-renamed $0 NAME; a tmux older than 3.2 leaves out the id.
		id, name, ok := bytes.Cut(rest, []byte{' '})
		if !ok || len(id) == 0 || id[0] != '$' {
			return Event{Kind: SessionRenamed, Name: string(rest)}, true
		}
		return Event{Kind: SessionRenamed, ID: string(id), Name: string(name)}, true
	case "%sessions-changed":
		return Event{Kind: SessionsChanged}, true
	case "%layout-change":
		id, _, _ := bytes.Cut(rest, []byte{' '})
		return Event{Kind: LayoutChanged, ID: string(id)}, true
	case "%window-close", "%unlinked-window-close":
		return Event{Kind: WindowClosed, ID: string(rest)}, true
	case "%client-session-changed", "%client-detached":
		return Event{Kind: ClientsChanged}, true
	}
	return Event{}, false
}

func paneEvent(k Kind, rest []byte) (Event, bool) {
	id, _, _ := bytes.Cut(rest, []byte{' '})
	pane, ok := parsePane(id)
	return Event{Kind: k, Pane: pane}, ok
}

func parsePane(id []byte) (Pane, bool) {
	if len(id) < 2 || len(id) > 10 || id[0] != '%' {
		return 0, false
	}
	n := 0
	for _, c := range id[1:] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return Pane(n), true
}

// guard is the tail of a %begin, %end or %error line: time, number and flags, which must agree exactly between a block's two ends.
type guard struct{ time, number, flags int64 }

// ours tells whether the block answers a line that this client sent, rather than its own start or a hook.
func (g guard) ours() bool { return g.flags&1 == 1 }

func parseGuard(line []byte, word string) (guard, bool) {
	if len(line) <= len(word) || string(line[:len(word)]) != word || line[len(word)] != ' ' {
		return guard{}, false
	}
	var g guard
	rest := line[len(word)+1:]
	for i, p := range []*int64{&g.time, &g.number, &g.flags} {
		field, tail, more := bytes.Cut(rest, []byte{' '})
		n, ok := parseNumber(field)
		if !ok || more == (i == 2) {
			return guard{}, false
		}
		*p, rest = n, tail
	}
	return g, true
}

func parseNumber(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
