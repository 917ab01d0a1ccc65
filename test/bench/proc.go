package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Sizes and times of processes, from /proc: these figures are taken on Linux alone.

// process is one process.
type process struct {
	pid int
	// program is what runs: "agentd init", "agentd serve", "gcctl attach", "tmux: server", "tmux: client".
	program string
}

// processes gives those of this project and of tmux among a process and all its descendants.
func processes(root int) ([]process, error) {
	var all []process
	for pids := []int{root}; len(pids) > 0; pids = pids[1:] {
		argv, err := os.ReadFile(proc(pids[0], "cmdline"))
		if errors.Is(err, os.ErrNotExist) && pids[0] != root {
			continue // has ended meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("sizes of processes: %w", err)
		}
		words := strings.Split(string(argv), "\x00")
		switch name := filepath.Base(words[0]); {
		case (name == "agentd" || name == "gcctl") && len(words) > 1:
			all = append(all, process{pids[0], name + " " + words[1]})
		case name == "tmux":
			kind, err := os.ReadFile(proc(pids[0], "comm"))
			if err != nil {
				return nil, fmt.Errorf("sizes of processes: %w", err)
			}
			all = append(all, process{pids[0], strings.TrimSpace(string(kind))})
		}
		children, err := children(pids[0])
		if err != nil {
			return nil, err
		}
		pids = append(pids, children...)
	}
	return all, nil
}

func children(pid int) ([]int, error) {
	files, err := filepath.Glob(proc(pid, "task/*/children"))
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		for _, word := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(word)
			if err != nil {
				return nil, err
			}
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func proc(pid int, file string) string { return filepath.Join("/proc", strconv.Itoa(pid), file) }

// memory gives a size from /proc/PID/status in bytes: VmRSS is what a process holds now, VmHWM the most that it ever held.
func memory(pid int, field string) (int64, error) {
	status, err := os.ReadFile(proc(pid, "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if name != field {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		return kib << 10, err
	}
	return 0, fmt.Errorf("process %d has no %s", pid, field)
}

// ticks gives the processor time that a process has used, user and system, in the kernel's ticks of 10 ms.
func ticks(pid int) (int, error) {
	stat, err := os.ReadFile(proc(pid, "stat"))
	if err != nil {
		return 0, err
	}
	// The second field, the name in parentheses, may hold anything. utime and stime are the 14th and 15th.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s: %q", proc(pid, "stat"), stat)
	}
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	return user + system, err
}
