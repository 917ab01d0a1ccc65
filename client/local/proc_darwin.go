package local

import (
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lstartFields is how many words ps uses for a process's start ("Mon Nov 23 23:49:21 2026").
const lstartFields = 5

// processTable asks ps. A process is owned when its arguments bear the session's run folder.
func processTable(run string) ([]process, error) {
	out, err := exec.Command("ps", "-axww", "-o", "pid=,ppid=,stat=,lstart=,command=").Output()
	if err != nil {
		return nil, err
	}
	var table []process
	for line := range strings.Lines(string(out)) {
		if p, ok := parsePS(line, run); ok {
			table = append(table, p)
		}
	}
	return table, nil
}

func parsePS(line, run string) (process, bool) {
	fields := strings.Fields(line)
	if len(fields) < 3+lstartFields {
		return process{}, false
	}
	pid, err := strconv.Atoi(fields[0])
	if err != nil {
		return process{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return process{}, false
	}
	command := strings.Join(fields[3+lstartFields:], " ") + " "
	return process{
		pid: pid, parent: parent, zombie: strings.HasPrefix(fields[2], "Z"),
		start: strings.Join(fields[3:3+lstartFields], " "),
		owned: strings.Contains(command, "--run-dir "+run+" "),
	}, true
}

func psOne(pid int) (process, bool) {
	out, err := exec.Command("ps", "-ww", "-p", strconv.Itoa(pid), "-o", "pid=,ppid=,stat=,lstart=,command=").Output()
	if err != nil {
		return process{}, false
	}
	return parsePS(string(out), "")
}

// startOf says when a process started, in the kernel's terms; "" when there is none.
func startOf(pid int) string {
	p, _ := psOne(pid)
	return p.start
}

// isAlive reports whether the process that had this pid at that start still runs.
func isAlive(pid int, start string) bool {
	if pid <= 0 {
		return false
	}
	p, ok := psOne(pid)
	return ok && !p.zombie && p.start == start
}

func peerPID(fd int) int {
	pid, err := unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID)
	if err != nil {
		return 0
	}
	return pid
}
