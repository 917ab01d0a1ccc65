package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// tree reads root and its descendants from /proc. A process that ends meanwhile is left out, and so is what was started to outlive root: a hub,
// say, that an agent started and with it the sessions below that.
func tree(root int) ([]info, error) {
	found := []info{}
	queue := []int{root}
	for len(queue) > 0 {
		pid := queue[0]
		queue = queue[1:]
		p, err := read(pid)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if pid != root && p.leads && Detached(pid) {
			continue
		}
		found = append(found, p)
		below, err := children(pid)
		if err != nil && !gone(err) {
			return nil, err
		}
		queue = append(queue, below...)
	}
	return found, nil
}

// gone tells whether err says that the process has ended.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

func read(pid int) (info, error) {
	stat, err := Stat(pid)
	if err != nil {
		return info{}, err
	}
	cmdline, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil && !gone(err) {
		return info{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	argv0, _, _ := bytes.Cut(cmdline, []byte{0})
	return info{pid: pid, zombie: stat.Ended(), leads: stat.Session == pid, comm: stat.Comm, argv0: string(argv0)}, nil
}

// children gives the ids of pid's children. The kernel lists them by the thread that started them; one without that list (CONFIG_PROC_CHILDREN)
// makes us look at every process.
func children(pid int) ([]int, error) {
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	threads, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look at process %d: %w", pid, err)
	}
	var pids []int
	for _, thread := range threads {
		list, err := os.ReadFile(dir + "/" + thread.Name() + "/children")
		if errors.Is(err, fs.ErrNotExist) {
			if _, err := os.Stat("/proc/self/task/" + strconv.Itoa(os.Getpid()) + "/children"); err != nil {
				return childrenByScan(pid)
			}
			continue // the thread has ended
		}
		if err != nil && !gone(err) {
			return nil, fmt.Errorf("look at process %d: %w", pid, err)
		}
		for _, field := range strings.Fields(string(list)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return nil, fmt.Errorf("unexpected child %q of process %d", field, pid)
			}
			pids = append(pids, child)
		}
	}
	return pids, nil
}

func childrenByScan(pid int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if stat, err := Stat(child); err == nil && stat.Parent == pid { // else it has just ended, or is another's
			pids = append(pids, child)
		}
	}
	return pids, nil
}
