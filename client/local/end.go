package local

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	// termTime is how long processes may take to follow SIGTERM.
	termTime = 2 * time.Second
	// killTime is how long the kernel may take to end what got SIGKILL.
	killTime = time.Second
	// endPoll is how often it is looked whether processes have gone. They are nobody's children here, so there is nothing to wait on.
	endPoll = 10 * time.Millisecond
)

// process is a line of the process table.
type process struct {
	pid, parent int
	start       string // when it started, in the kernel's terms
	zombie      bool
	// owned tells whether it belongs to the session asked for by itself, not just by its parents.
	owned bool
	// detached tells whether it was started to outlive its parents: a hub, or another session's agentd, that the session's agent started.
	detached bool
}

// tmuxSocket is where a session's tmux server listens.
func tmuxSocket(run string) string {
	return filepath.Join(run, "tmux-"+strconv.Itoa(os.Getuid()), "default")
}

// endProcesses ends whatever lives of the session with that run folder: agentd (pid, 0 if it doesn't live), tmux, and all that came from them,
// also where its parents have gone. It asks first (SIGTERM), then insists.
func endProcesses(ctx context.Context, run string, agentd int) error {
	if agentd == 0 && !exists(run) {
		return nil
	}
	roots := []int{agentd, listenerOf(tmuxSocket(run))}
	left, err := sessionProcesses(run, roots)
	if err != nil {
		return err
	}
	signalAll(left, syscall.SIGTERM)
	left = awaitEnd(ctx, left, termTime)
	if len(left) == 0 {
		return nil
	}
	// What was started meanwhile is ended too.
	again, err := sessionProcesses(run, append(roots, pids(left)...))
	if err != nil {
		return err
	}
	signalAll(again, syscall.SIGKILL)
	if left = awaitEnd(ctx, again, killTime); len(left) > 0 {
		return fmt.Errorf("process %d does not end", left[0].pid)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func pids(list []process) []int {
	var all []int
	for _, p := range list {
		all = append(all, p.pid)
	}
	return all
}

// sessionProcesses gives the living processes of a session: the roots, those which bear its run folder, and the descendants of both, but for what was
// started to outlive them.
func sessionProcesses(run string, roots []int) ([]process, error) {
	table, err := processTable(run)
	if err != nil {
		return nil, fmt.Errorf("read the process table: %w", err)
	}
	isOf := map[int]bool{}
	for _, pid := range roots {
		isOf[pid] = pid > 1
	}
	for _, p := range table {
		if p.owned {
			isOf[p.pid] = true
		}
	}
	for grew := true; grew; {
		grew = false
		for _, p := range table {
			if !isOf[p.pid] && isOf[p.parent] && !p.detached {
				isOf[p.pid], grew = true, true
			}
		}
	}
	var found []process
	for _, p := range table {
		if isOf[p.pid] && !p.zombie && p.pid != os.Getpid() {
			found = append(found, p)
		}
	}
	return found, nil
}

func signalAll(list []process, s syscall.Signal) {
	for _, p := range list {
		if isAlive(p.pid, p.start) {
			// It may end by itself meanwhile.
			_ = syscall.Kill(p.pid, s)
		}
	}
}

// awaitEnd waits until the processes have ended and gives those which have not in time.
func awaitEnd(ctx context.Context, list []process, limit time.Duration) []process {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(endPoll)
	defer tick.Stop()
	for {
		var left []process
		for _, p := range list {
			if isAlive(p.pid, p.start) {
				left = append(left, p)
			}
		}
		if list = left; len(list) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return list
		case <-ctx.Done():
			return list
		}
	}
}

// listenerOf is the process that listens on a unix socket, 0 if none does. tmux makes its socket itself, so it is tmux.
func listenerOf(socket string) int {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return 0
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	if err := raw.Control(func(fd uintptr) { pid = peerPID(int(fd)) }); err != nil {
		return 0
	}
	return pid
}
