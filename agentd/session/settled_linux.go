package session

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gascity/agentd/agentd/process"
)

// settled tells whether the pane's shell has got its command going: it has become another program, has started one, or waits for input behind
// a prompt that it has printed.
func settled(pid int, printed bool) bool {
	pane, err := process.Stat(pid)
	switch {
	case err != nil || pane.Ended():
		return false // gone: the supervisor is about to say so
	case pane.Comm == "tmux: server":
		return false // not even the shell yet
	case !isShell(pane.Comm):
		return true
	case printed && pane.State == 'S':
		return true
	}
	children, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "task", strconv.Itoa(pid), "children"))
	if err != nil {
		return false
	}
	for field := range strings.FieldsSeq(string(children)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			continue
		}
		if started, err := process.Stat(child); err == nil && !started.Ended() && !isShell(started.Comm) {
			return true
		}
	}
	return false
}

// isShell: sh, bash, dash, zsh, fish.
func isShell(comm string) bool { return strings.HasSuffix(comm, "sh") }
