package pid1

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

const (
	// leaveWithin is how long serve may take to leave once it has reported its result. All that is left to it then is to exit.
	leaveWithin = 5 * time.Second
	// drainWithin is how long the reports of a serve that ended may take to be read. They are in the pipe by then; the bound is for a
	// pipe that some descendant holds open.
	drainWithin = time.Second
	// maxReport bounds a line of report, in bytes.
	maxReport = 64
)

// envName tells serve which descriptors it has from init: "report=3 gone=4" and perhaps " listen=5".
const envName = "AGENTD_INIT"

// envRestarts tells serve how many came before it. It has a variable of its own: serve may be of an older build, which takes every field of
// the other for a descriptor.
const envRestarts = "AGENTD_INIT_RESTARTS"

// child is one serve.
type child struct {
	pid     int
	reports <-chan string
	read    *os.File // reports arrive here
	gone    *os.File // nobody writes here: that it is closed tells serve that init has ended

	ready   bool // handles signals
	told    bool // was sent what came before it was ready
	ended   bool // reported its result
	status  int
	overdue <-chan time.Time
}

// start makes a new serve.
func (p *initProcess) start() error {
	c, err := startChild(p.Config, p.started)
	if err != nil {
		return fmt.Errorf("start %q: %w", p.Child[0], err)
	}
	p.started++
	p.serve = c
	p.settled = time.After(settleTime)
	return nil
}

func startChild(config Config, before uint64) (*child, error) {
	read, report, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	gone, held, err := os.Pipe()
	if err != nil {
		read.Close()
		report.Close()
		return nil, err
	}
	files := []uintptr{0, 1, 2, report.Fd(), gone.Fd()}
	fds := "report=3 gone=4"
	if config.Listener != nil {
		files = append(files, config.Listener.Fd())
		fds += " listen=5"
	}
	// Not os.StartProcess: it keeps a handle that wants to be waited for.
	pid, err := syscall.ForkExec(config.Child[0], config.Child, &syscall.ProcAttr{
		Env:   append(environWithout(envName, envRestarts, wire.DetachedEnv), envName+"="+fds, envRestarts+"="+strconv.FormatUint(before, 10)),
		Files: files,
		// A group of its own: a C-c at a terminal reaches serve once, through init, and not twice.
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	report.Close()
	gone.Close()
	if err != nil {
		read.Close()
		held.Close()
		return nil, err
	}
	reports := make(chan string)
	go readReports(read, reports)
	return &child{pid: pid, reports: reports, read: read, gone: held}, nil
}

func environWithout(names ...string) []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(names, name)
	})
}

// readReports passes on what serve reports, a line at a time, until there can be no more; result waits for that.
func readReports(from *os.File, to chan<- string) {
	defer close(to)
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, maxReport), maxReport)
	for lines.Scan() {
		to <- lines.Text()
	}
}

// events gives what can happen with serve before it ends; nothing when there is none.
func (c *child) events() (reports <-chan string, overdue <-chan time.Time) {
	if c == nil {
		return nil, nil
	}
	return c.reports, c.overdue
}

// heard takes a report: "ready" or "exit N". Others may come from a newer build, and mean nothing here.
func (c *child) heard(line string, open bool) {
	if !open {
		c.reports = nil
		return
	}
	word, arg, _ := strings.Cut(line, " ")
	switch word {
	case "ready":
		c.ready = true
	case "exit":
		if n, err := strconv.ParseUint(arg, 10, 8); err == nil {
			c.ended, c.status = true, int(n)
			c.overdue = time.After(leaveWithin)
		}
	}
}

// result tells, once the process has ended, what it reported as its result, if it did. It gives up the pipes.
func (c *child) result() (status int, ok bool) {
	c.read.SetReadDeadline(time.Now().Add(drainWithin)) // a pipe has deadlines
	if c.reports != nil {
		for line := range c.reports {
			c.heard(line, true)
		}
	}
	c.read.Close()
	c.gone.Close()
	return c.status, c.ended
}

// signal sends a signal. Serve may have ended, but has not been reaped, so the pid is its own still.
func (c *child) signal(sig syscall.Signal) { _ = syscall.Kill(c.pid, sig) }
