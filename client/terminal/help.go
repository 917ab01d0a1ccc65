package terminal

import (
	"fmt"
	"strings"
)

// helpText is what "~?" shows, for a terminal in raw mode.
func helpText(o Options) string {
	mode := ""
	if o.ReadOnly {
		mode = " (read-only: keys are dropped)"
	}
	text := fmt.Sprintf(`Attached to session %q%s.

These count at the beginning of a line, that is after Enter:

  ~.   leave; the session runs on
  ~^Z  suspend this terminal; fg comes back
  ~?   this help
  ~~   type one ~

Ctrl-B d leaves as well: the session is a tmux session.

Press any key to go back.
`, o.Session, mode)
	return strings.ReplaceAll(text, "\n", "\r\n")
}
