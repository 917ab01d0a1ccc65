package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
)

// Status is what /proc/PID/stat says of a process (proc(5)).
type Status struct {
	Comm    string // the kernel's name of it, at most 15 bytes
	State   byte   // R runs, S sleeps, Z is a zombie, …
	Parent  int
	Session int
}

// Ended tells whether nothing of the process runs any more: it is a zombie, or on its way out.
func (s Status) Ended() bool { return s.State == 'Z' || s.State == 'X' }

// Stat looks at a process, at nothing but its stat: it may be asked often. An error means that it has ended, or can't be looked at.
func Stat(pid int) (Status, error) {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Status{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	s, err := parseStat(string(line))
	if err != nil {
		return Status{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return s, nil
}

// parseStat reads a line of /proc/PID/stat. The comm stands in parentheses and may hold any byte, parentheses and spaces included, so the last
// parenthesis ends it.
func parseStat(line string) (Status, error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return Status{}, fmt.Errorf("unexpected stat line %q", line)
	}
	fields := strings.Fields(line[end+1:])
	if len(fields) < 4 || len(fields[0]) != 1 || fields[0] < "A" { // a state is a letter
		return Status{}, fmt.Errorf("unexpected stat line %q", line)
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return Status{}, fmt.Errorf("unexpected stat line %q", line)
	}
	session, err := strconv.Atoi(fields[3])
	if err != nil {
		return Status{}, fmt.Errorf("unexpected stat line %q", line)
	}
	return Status{Comm: line[open+1 : end], State: fields[0][0], Parent: parent, Session: session}, nil
}

// Detached tells whether a process was started with wire.DetachedEnv. One that has ended, or is another user's, was not.
func Detached(pid int) bool {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && bytes.Contains(append([]byte{0}, env...), []byte("\x00"+wire.DetachedEnv+"="))
}
