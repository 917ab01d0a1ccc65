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

	"github.com/gascity/agentd/agentd/wire"
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
		if pid != root && p.leads && detached(pid) {
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
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return info{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	comm, state, _, session, err := parseStat(string(stat))
	if err != nil {
		return info{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	cmdline, err := os.ReadFile(dir + "/cmdline")
	if err != nil && !gone(err) {
		return info{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	argv0, _, _ := bytes.Cut(cmdline, []byte{0})
	return info{pid: pid, zombie: state == 'Z' || state == 'X', leads: session == pid, comm: comm, argv0: string(argv0)}, nil
}

// detached tells whether a process was started with wire.DetachedEnv. One that has ended, or is another user's, was not.
func detached(pid int) bool {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && bytes.Contains(append([]byte{0}, env...), []byte("\x00"+wire.DetachedEnv+"="))
}

// parseStat takes comm, state, parent and session from a line of /proc/PID/stat (proc(5)). The comm stands in parentheses and may hold any
// byte, parentheses and spaces included, so the last parenthesis ends it.
func parseStat(line string) (comm string, state byte, parent, session int, err error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return "", 0, 0, 0, fmt.Errorf("unexpected stat line %q", line)
	}
	fields := strings.Fields(line[end+1:])
	if len(fields) < 4 || len(fields[0]) != 1 {
		return "", 0, 0, 0, fmt.Errorf("unexpected stat line %q", line)
	}
	parent, err = strconv.Atoi(fields[1])
	if err != nil {
		return "", 0, 0, 0, fmt.Errorf("unexpected stat line %q", line)
	}
	session, err = strconv.Atoi(fields[3])
	if err != nil {
		return "", 0, 0, 0, fmt.Errorf("unexpected stat line %q", line)
	}
	return line[open+1 : end], fields[0][0], parent, session, nil
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
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // ended
		}
		if _, _, parent, _, err := parseStat(string(stat)); err == nil && parent == pid {
			pids = append(pids, child)
		}
	}
	return pids, nil
}
