package tmux

import (
	"bytes"
	"strconv"
)

// Kind says what an Event tells.
type Kind int

// The kinds of event. What tmux tells beyond these isn't passed on.
const (
	// Output: a pane printed something.
	Output Kind = iota + 1
	// Paused: tmux stopped sending the pane's output, since it was a flood or we were too slow to read it. The Control asks for it to go on by itself; what is
	// printed meanwhile is lost to Output events, though not to the screen.
	Paused
	// Continued: output flows again, 40 ms or more after it was paused. There may have been output meanwhile.
	Continued
	// LayoutChanged: a window was resized, or its panes changed.
	LayoutChanged
	// SessionsChanged: a session was made, renamed or destroyed, a window is gone, or a client attached elsewhere or detached.
	SessionsChanged
)

// Pane is the number of a pane's id: 3 for %3.
type Pane int

// String gives the pane's id, as a target for commands.
func (p Pane) String() string { return "%" + strconv.Itoa(int(p)) }

// Event is something that tmux told unasked.
type Event struct {
	Kind Kind
	// Pane is set for Output, Paused and Continued.
	Pane Pane
	// Bytes is how much was printed, for Output, as control mode sends it: bytes under 32 and backslashes count four, as three octal digits after a backslash.
	Bytes int
}

// parseEvent reads a notification, a line that starts with %. It is false for those that aren't passed on, and for what is none.
func parseEvent(line []byte) (Event, bool) {
	word, rest, _ := bytes.Cut(line, []byte{' '})
	switch string(word) {
	case "%output":
		id, data, ok := bytes.Cut(rest, []byte{' '})
		pane, valid := parsePane(id)
		return Event{Kind: Output, Pane: pane, Bytes: len(data)}, ok && valid
	case "%extended-output":
		// %extended-output %0 AGE … : DATA; fields may be added before the colon.
		id, rest, ok := bytes.Cut(rest, []byte{' '})
		_, data, colon := bytes.Cut(rest, []byte(": "))
		pane, valid := parsePane(id)
		return Event{Kind: Output, Pane: pane, Bytes: len(data)}, ok && colon && valid
	case "%pause":
		return paneEvent(Paused, rest)
	case "%continue":
		return paneEvent(Continued, rest)
	case "%layout-change":
		return Event{Kind: LayoutChanged}, true
	case "%session-renamed", "%sessions-changed", "%window-close", "%unlinked-window-close", "%client-session-changed", "%client-detached":
		return Event{Kind: SessionsChanged}, true
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
