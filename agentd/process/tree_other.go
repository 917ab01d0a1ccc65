//go:build !linux

package process

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// tree asks ps, where there is no /proc.
func tree(root int) ([]info, error) {
	names, err := exec.Command("ps", "-axww", "-o", "pid=,ppid=,stat=,ucomm=").Output()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	commands, err := exec.Command("ps", "-axww", "-o", "pid=,args=").Output()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	argv0 := map[int]string{}
	for line := range strings.Lines(string(commands)) {
		if fields := strings.Fields(line); len(fields) >= 2 {
			if pid, err := strconv.Atoi(fields[0]); err == nil {
				argv0[pid] = fields[1]
			}
		}
	}
	all, below := map[int]info{}, map[int][]int{}
	for line := range strings.Lines(string(names)) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		pid, pidErr := strconv.Atoi(fields[0])
		parent, parentErr := strconv.Atoi(fields[1])
		if pidErr != nil || parentErr != nil {
			continue
		}
		all[pid] = info{pid: pid, zombie: strings.HasPrefix(fields[2], "Z"), comm: strings.Join(fields[3:], " "), argv0: argv0[pid]}
		below[parent] = append(below[parent], pid)
	}
	found := []info{}
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		if p, ok := all[queue[0]]; ok {
			found = append(found, p)
			queue = append(queue, below[p.pid]...)
		}
	}
	return found, nil
}
