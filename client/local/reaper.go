package local

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
)

// reaper takes the statuses of the agentds that this process started, so that none stays as a zombie. Waiting in a goroutine for each would cost a
// thread for each.
type reaper struct {
	children chan os.Signal
	closed   chan struct{}
	owned    sync.WaitGroup

	mu   sync.Mutex
	pids map[int]struct{}
}

func newReaper() *reaper {
	r := &reaper{children: make(chan os.Signal, 1), closed: make(chan struct{}), pids: map[int]struct{}{}}
	signal.Notify(r.children, syscall.SIGCHLD)
	r.owned.Go(r.run)
	return r
}

func (r *reaper) close() {
	signal.Stop(r.children)
	close(r.closed)
	r.owned.Wait()
}

func (r *reaper) run() {
	for {
		select {
		case <-r.children:
			r.reap()
		case <-r.closed:
			return
		}
	}
}

// start starts a process that nobody waits for otherwise.
func (r *reaper) start(cmd *exec.Cmd) (int, error) {
	r.mu.Lock() // so that its end isn't reported before it is known
	defer r.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	r.pids[pid] = struct{}{}
	return pid, cmd.Process.Release()
}

// reap asks for each child by its number: a wait for any would steal what others wait for.
func (r *reaper) reap() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for pid := range r.pids {
		got, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		if got == pid || err != nil && !errors.Is(err, syscall.EINTR) {
			delete(r.pids, pid)
		}
	}
}
