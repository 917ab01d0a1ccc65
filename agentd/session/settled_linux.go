package session

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// settled tells whether the pane's shell has got its command going: it has become another program, has started one, or waits for input behind
// a prompt that it has printed.
func settled(pid int, printed bool) bool {
	comm, state := look(pid)
	switch {
	case state == 0 || state == 'Z' || state == 'X':
		return false // gone: the supervisor is about to say so
	case comm == "tmux: server":
		return false // not even the shell yet
	case !isShell(comm):
		return true
	case printed && state == 'S':
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
		if comm, state := look(child); state != 0 && state != 'Z' && !isShell(comm) {
			return true
		}
	}
	return false
}

// isShell: sh, bash, dash, zsh, fish.
func isShell(comm string) bool { return strings.HasSuffix(comm, "sh") }

// look gives a process's comm and state; 0 when it is gone.
func look(pid int) (comm string, state byte) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", 0
	}
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open || end+2 >= len(stat) {
		return "", 0
	}
	return string(stat[open+1 : end]), stat[end+2]
}
