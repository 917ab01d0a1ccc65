package session

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ignoresTerm tells whether a process ignores SIGTERM (proc(5), SigIgn: a mask with a bit a signal).
func ignoresTerm(pid int) bool {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(status), "\nSigIgn:\t")
	line, _, _ := strings.Cut(rest, "\n")
	mask, err := strconv.ParseUint(line, 16, 64)
	return err == nil && mask&(1<<(syscall.SIGTERM-1)) != 0
}
