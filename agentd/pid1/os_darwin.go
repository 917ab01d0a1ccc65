package pid1

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// adoptOrphans does nothing: macOS gives orphans to launchd. What daemonises below serve is ended by serve alone.
func adoptOrphans() error { return nil }

// realtime lists nothing: macOS has no such signals.
func realtime() []syscall.Signal { return nil }

// descendants lists the processes below root. What was started to outlive it has long gone to launchd.
func descendants(root int) ([]int, error) {
	all, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil, err
	}
	parents := map[int]int{}
	for _, p := range all {
		parents[int(p.Proc.P_pid)] = int(p.Eproc.Ppid)
	}
	return below(root, parents, func(int) bool { return false }), nil
}
