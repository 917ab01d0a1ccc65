package pid1

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gascity/agentd/agentd/process"
)

// adoptOrphans makes this process the parent of descendants whose own parents end, as PID 1 is without asking.
func adoptOrphans() error {
	if os.Getpid() == 1 {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the parent of orphans: %w", err)
	}
	return nil
}

// realtime lists the signals that have only numbers, some of which ask systemd-like programs to stop.
func realtime() []syscall.Signal {
	var signals []syscall.Signal
	for sig := syscall.Signal(34); sig <= 64; sig++ {
		signals = append(signals, sig)
	}
	return signals
}

// descendants lists the processes below root, but for those that were started to outlive it and what is below them.
func descendants(root int) ([]int, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(0)
	if err != nil {
		return nil, err
	}
	parents := map[int]int{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if stat, err := process.Stat(pid); err == nil { // else it has just ended
			parents[pid] = stat.Parent
		}
	}
	return below(root, parents, process.Detached), nil
}
