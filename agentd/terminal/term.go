package terminal

import (
	"fmt"
	"os"
	"path/filepath"
)

// fallback is a terminal type that every terminfo database has and that today's terminals understand.
const fallback = "xterm-256color"

// Type gives the terminal type to use for a client whose TERM is term: itself if this machine's terminfo knows it, xterm-256color otherwise.
// tmux refuses to attach from a type it can't look up ("missing or unsuitable terminal"), and images seldom know the newest.
func Type(term string) string {
	if term == "" || term == "dumb" || filepath.Base(term) != term {
		return fallback
	}
	for _, dir := range terminfoDirs() {
		// Entries lie in a folder named after their first letter, or, on macOS, after that letter's hexadecimal code.
		for _, sub := range []string{term[:1], fmt.Sprintf("%02x", term[0])} {
			if _, err := os.Stat(filepath.Join(dir, sub, term)); err == nil {
				return term
			}
		}
	}
	return fallback
}

// terminfoDirs lists where ncurses looks (terminfo(5), "Fetching Compiled Descriptions").
func terminfoDirs() []string {
	dirs := []string{}
	if d := os.Getenv("TERMINFO"); d != "" {
		dirs = append(dirs, d)
	}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".terminfo"))
	}
	dirs = append(dirs, filepath.SplitList(os.Getenv("TERMINFO_DIRS"))...)
	return append(dirs, "/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/local/share/terminfo", "/opt/homebrew/share/terminfo", "/usr/lib/terminfo")
}
