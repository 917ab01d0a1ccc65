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

// scanner finds the escapes in what a terminal sends, by OpenSSH's rules: "~" counts at the beginning of a line, "~~" is one "~", and "~"
// before any other key is itself. Two things are left alone that nobody types: pasted text, where the terminal marks it ("~~~" in a
// document is no escape), and the terminal's own reports, which would else end the beginning of a line at every attach.
type scanner struct {
	midLine bool // something was typed since the last Enter
	pending bool // a "~" at the beginning of a line is held back
	pasting bool
	bracket int // how many bytes of pasteBegin or pasteEnd have just come
	reports reports
	keyed   bool // a key was pressed, or text pasted, since takeKeyed

	// readOnly: keys go nowhere, so every place is the beginning of a line, and Ctrl-C is an escape of its own.
	readOnly bool
}

// scan appends to dst what is meant for the session, up to the first escape, and gives that escape with what follows it.
func (s *scanner) scan(dst, input []byte) (data []byte, e escape, rest []byte) {
	for i, c := range input {
		if c == ctrlC && s.readOnly {
			return dst, escapeLeave, input[i+1:]
		}
		if s.pending {
			s.pending = false
			if e := escapeOf(c); e != escapeNone {
				return dst, e, input[i+1:]
			}
			s.keyed = true
			if c != escapeKey {
				dst = append(dst, escapeKey)
			}
			s.midLine = true
		} else if c == escapeKey && s.atBeginning() {
			s.pending = true
			continue
		}
		s.note(c)
		dst = append(dst, c)
	}
	// A report comes in one piece: an Escape at the end is the key.
	s.keyed = s.keyed || s.reports.lone()
	return dst, escapeNone, nil
}

// atBeginning says whether "~" counts here.
func (s *scanner) atBeginning() bool {
	return (!s.midLine || s.readOnly) && !s.pasting && !s.reports.within()
}

// note sees to what c changes.
func (s *scanner) note(c byte) {
	pasting := s.pasting
	s.trackPaste(c)
	if !pasting && !s.reports.typed(c) {
		return
	}
	s.keyed = true
	s.midLine = c != '\r' && c != '\n'
}

// takeKeyed says whether a person did anything since the last time it was asked.
func (s *scanner) takeKeyed() bool {
	keyed := s.keyed
	s.keyed = false
	return keyed
}

func escapeOf(c byte) escape {
	switch c {
	case '.':
		return escapeLeave
	case '?':
		return escapeHelp
	case ctrlZ:
		return escapeSuspend
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
