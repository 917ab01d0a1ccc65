package pid1

import (
	"os"
	"syscall"
	"time"
)

const (
	// termWithin is how long descendants may take to leave after SIGTERM before they are killed. Serve has ended the session
	// gracefully by then; what is left is what a crash left, or what the agent left behind.
	termWithin = 2 * time.Second
	// killWithin bounds the wait for killed processes; those that still are there hang in the kernel.
	killWithin = 3 * time.Second
	// killEvery is how often SIGKILL is sent again, to children made meanwhile.
	killEvery = 50 * time.Millisecond
)

// endDescendants ends what lives below init, serve included: SIGTERM, then SIGKILL. It returns when none is left.
func (p *initProcess) endDescendants() {
	p.signalAll(p.left(), syscall.SIGTERM)
	p.signalAll(p.left(), syscall.SIGCONT) // a stopped process learns of its SIGTERM when it goes on
	over := p.noneLeftWithin(termWithin)
	for end := time.Now().Add(killWithin); !over && time.Now().Before(end); {
		p.signalAll(p.left(), syscall.SIGKILL)
		over = p.noneLeftWithin(killEvery)
	}
	if !over {
		p.Logger.Error("some processes outlive SIGKILL: leaving them", "pids", p.left())
	}
	if p.serve != nil {
		p.serve.result() // its pipes, and what reads them
	}
}

// noneLeftWithin waits until no descendant is left.
func (p *initProcess) noneLeftWithin(d time.Duration) bool {
	timeout := time.NewTimer(d)
	defer timeout.Stop()
	for len(p.left()) > 0 {
		select {
		case <-p.ended:
		case <-timeout.C:
			return len(p.left()) == 0
		}
	}
	return true
}

// left reaps, and gives the descendants that are left to end. For PID 1 that is -1, which kill takes for everyone: the kernel knows
// better than /proc, which may be another namespace's.
func (p *initProcess) left() []int {
	p.reap()
	if _, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err == syscall.ECHILD {
		return nil // and with no child, no descendant either: those whose parents end are adopted
	}
	if os.Getpid() == 1 {
		return []int{-1}
	}
	pids, err := descendants(os.Getpid())
	if err != nil {
		p.Logger.Error("can't find the processes that are left", "error", err)
	}
	return pids
}

func (p *initProcess) signalAll(pids []int, sig syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, sig) // it may have ended by now
	}
}

// below gives the pids that descend from root, given each process's parent, less those that keep is true of and what descends from them.
func below(root int, parents map[int]int, keep func(pid int) bool) []int {
	children := map[int][]int{}
	for pid, parent := range parents {
		children[parent] = append(children[parent], pid)
	}
	var found []int
	for next := children[root]; len(next) > 0; {
		pid := next[len(next)-1]
		next = next[:len(next)-1]
		if !keep(pid) {
			found = append(found, pid)
			next = append(next, children[pid]...)
		}
	}
	return found
}
