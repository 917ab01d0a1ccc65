package session

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// signalNumber reads what tmux calls a signal: its number, or, in newer versions, its name without SIG. It is 0 for none.
func signalNumber(text string) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	if text == "" {
		return 0
	}
	return int(unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(text), "SIG")))
}
