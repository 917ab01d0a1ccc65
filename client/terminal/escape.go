package terminal

// escape is what a person asked for by typing "~" and a key at the beginning of a line.
type escape int

const (
	escapeNone escape = iota
	// escapeLeave is "~.".
	escapeLeave
	// escapeHelp is "~?".
	escapeHelp
	// escapeSuspend is "~" and Ctrl-Z.
	escapeSuspend
	// escapeTestOnlyPanic is "~!", known only when testOnlyPanic is set.
	escapeTestOnlyPanic
)

const (
	escapeKey = '~'
	ctrlC     = 'C' - 64
	ctrlZ     = 'Z' - 64
)

// The brackets that a terminal puts around pasted text when the program in it asked for that, as tmux does.
const (
	pasteBegin = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
)

// scanner finds the escapes in what is typed, by OpenSSH's rules: "~" counts at the beginning of a line, "~~" is one "~", and "~" before any
// other key is itself. Pasted text is left alone, where the terminal marks it: "~~~" in a document is no escape.
type scanner struct {
	midLine bool // something was typed since the last Enter
	pending bool // a "~" at the beginning of a line is held back
	pasting bool
	bracket int // how many bytes of pasteBegin or pasteEnd have just come

	interruptLeaves bool // Ctrl-C is an escape of its own
}

// scan appends to dst what is meant for the session, up to the first escape, and gives that escape with what follows it.
func (s *scanner) scan(dst, typed []byte) (data []byte, e escape, rest []byte) {
	for i, c := range typed {
		if c == ctrlC && s.interruptLeaves {
			return dst, escapeLeave, typed[i+1:]
		}
		if s.pending {
			s.pending = false
			if e := escapeOf(c); e != escapeNone {
				return dst, e, typed[i+1:]
			}
			if c != escapeKey {
				dst = append(dst, escapeKey)
			}
		} else if c == escapeKey && !s.midLine && !s.pasting {
			s.pending = true
			continue
		}
		s.midLine = c != '\r' && c != '\n'
		s.trackPaste(c)
		dst = append(dst, c)
	}
	return dst, escapeNone, nil
}

func escapeOf(c byte) escape {
	switch {
	case c == '.':
		return escapeLeave
	case c == '?':
		return escapeHelp
	case c == ctrlZ:
		return escapeSuspend
	case c == '!' && testOnlyPanic():
		return escapeTestOnlyPanic
	}
	return escapeNone
}

// trackPaste notes where pasted text begins and ends.
func (s *scanner) trackPaste(c byte) {
	awaited := pasteBegin
	if s.pasting {
		awaited = pasteEnd
	}
	switch {
	case c == awaited[s.bracket]:
		s.bracket++
	case c == awaited[0]:
		s.bracket = 1
	default:
		s.bracket = 0
	}
	if s.bracket == len(awaited) {
		s.bracket, s.pasting = 0, !s.pasting
	}
}
