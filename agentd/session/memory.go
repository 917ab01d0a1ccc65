package session

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/gascity/agentd/agentd/wire"
)

// outOfMemory is the reason of an end that the kernel brought about. Where agentd runs in a pod, that setting is what makes the limit.
const outOfMemory = "out of memory: the limit of its container was reached (GC_K8S_MEM_LIMIT)"

// oomFiles tell, in a container, how many of its processes the kernel has killed for want of memory: with cgroups version 2 and 1.
var oomFiles = [...]string{"/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"}

// oomKills is that number; 0 where nothing tells it.
func oomKills() uint64 {
	for _, name := range oomFiles {
		if text, err := os.ReadFile(name); err == nil {
			return parseOOMKills(string(text))
		}
	}
	return 0
}

func parseOOMKills(text string) uint64 {
	for line := range strings.Lines(text) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(count), 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return 0
}

// ranOutOfMemory says whether the agent ended so: it was killed, or the shell around it tells of that, and the kernel has killed one since it began.
func (a *agent) ranOutOfMemory(exit wire.Exit) bool {
	const killed = 128 + int(syscall.SIGKILL)
	return exit.Status == killed && oomKills() > a.oomBefore
}
