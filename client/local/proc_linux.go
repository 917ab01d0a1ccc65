package local

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gascity/agentd/agentd/wire"
)

// processTable reads /proc. A process is owned when its environment or arguments bear the session's run folder: tmux sets TMUX for all in it, and
// agentd is given the folder.
func processTable(run string) ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var table []process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		p, ok := readStat(pid)
		if !ok {
			continue
		}
		p.owned, p.detached = bears(pid, run)
		table = append(table, p)
	}
	return table, nil
}

func bears(pid int, run string) (owned, detached bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	// What can't be read is another user's, or has ended.
	if environ, err := os.ReadFile(filepath.Join(dir, "environ")); err == nil {
		environ = append([]byte{0}, environ...)
		owned = bytes.Contains(environ, []byte("\x00TMUX="+tmuxSocket(run)+","))
		detached = bytes.Contains(environ, []byte("\x00"+wire.DetachedEnv+"="))
	}
	if args, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil {
		owned = owned || bytes.Contains(args, []byte("\x00--run-dir\x00"+run+"\x00"))
	}
	return owned, detached
}

// readStat reads one process's line; false when there is no such process.
func readStat(pid int) (process, bool) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return process{}, false
	}
	return parseStat(pid, b)
}

// parseStat takes a process's line from the text of /proc/PID/stat.
func parseStat(pid int, b []byte) (process, bool) {
	// The name, in brackets, may hold anything; what follows the last bracket is: state ppid … start is the 20th of these.
	_, rest, ok := strings.Cut(string(b[max(0, bytes.LastIndexByte(b, ')')):]), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return process{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return process{}, false
	}
	return process{pid: pid, parent: parent, start: fields[19], zombie: fields[0] == "Z" || fields[0] == "X"}, true
}

// startOf says when a process started, in the kernel's terms; "" when there is none.
func startOf(pid int) string {
	p, _ := readStat(pid)
	return p.start
}

// isAlive reports whether the process that had this pid at that start still runs.
func isAlive(pid int, start string) bool {
	if pid <= 0 {
		return false
	}
	p, ok := readStat(pid)
	return ok && !p.zombie && p.start == start
}

func peerPID(fd int) int {
	c, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0
	}
	return int(c.Pid)
}
