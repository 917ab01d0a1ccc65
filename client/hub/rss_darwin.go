package hub

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// residentSet is this process's resident memory in bytes, 0 when unknown.
func residentSet() int64 {
	out, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(os.Getpid())).Output()
	if err != nil {
		return 0
	}
	kib, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}
