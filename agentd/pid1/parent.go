package pid1

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Parent is init as serve sees it. The zero value stands for no init: serve runs by itself, nobody is told, and nobody can be gone.
type Parent struct {
	report   *os.File
	gone     chan struct{}
	watch    *os.File
	listener *os.File
	restarts uint64
}

// Inherited gives the init that started this process. It must be called once, before the process starts any other: it takes the
// descriptors and the variable that names them out of what others inherit.
func Inherited() (*Parent, error) {
	text, ok := os.LookupEnv(envName)
	if !ok {
		return &Parent{}, nil
	}
	os.Unsetenv(envName)
	restarts := os.Getenv(envRestarts)
	os.Unsetenv(envRestarts)
	fds := map[string]*os.File{}
	for _, field := range strings.Fields(text) {
		name, number, _ := strings.Cut(field, "=")
		fd, err := strconv.Atoi(number)
		if err != nil || fd < 3 {
			return nil, fmt.Errorf("%s is %q: %q names no descriptor", envName, text, field)
		}
		f, err := inherit(fd, name)
		if err != nil {
			return nil, fmt.Errorf("%s is %q: %w", envName, text, err)
		}
		fds[name] = f
	}
	p := &Parent{report: fds["report"], watch: fds["gone"], listener: fds["listen"]}
	if p.report == nil || p.watch == nil {
		return nil, fmt.Errorf("%s is %q: it lacks report or gone", envName, text)
	}
	if restarts != "" { // an older init doesn't say
		n, err := strconv.ParseUint(restarts, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s is %q, no number", envRestarts, restarts)
		}
		p.restarts = n
	}
	p.gone = make(chan struct{})
	go p.await()
	return p, nil
}

// inherit makes a file of a descriptor that init handed down, and keeps it from being handed on.
func inherit(fd int, name string) (*os.File, error) {
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil { // also finds out whether it is open
		return nil, fmt.Errorf("descriptor %d (%s): %w", fd, name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// await closes gone when init has ended. Nothing is ever written to the pipe. It ends with Close.
func (p *Parent) await() {
	defer close(p.gone)
	var b [1]byte
	_, _ = p.watch.Read(b[:])
}

// Gone is closed when init has ended, whatever ended it. Serve then has to leave at once without touching the session, which the next
// init's serve adopts. It is nil, and so never ready, when there is no init. Close closes it too.
func (p *Parent) Gone() <-chan struct{} { return p.gone }

// Restarts tells how often init had to start another before this process.
func (p *Parent) Restarts() uint64 { return p.restarts }

// Listener gives the listening socket that init holds, nil if it holds none. Closing it leaves init's copy open.
func (p *Parent) Listener() (net.Listener, error) {
	if p.listener == nil {
		return nil, nil
	}
	l, err := net.FileListener(p.listener)
	if err != nil {
		return nil, fmt.Errorf("listen on the socket inherited from init: %w", err)
	}
	if unix, ok := l.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false) // the next serve is found by the same name
	}
	return l, nil
}

// Ready tells init that signals are handled from now on. Until then init keeps back those that would end this process.
func (p *Parent) Ready() error { return p.say("ready\n") }

// Report tells init what to exit with (0–255), and that this end is meant: init does not start serve again. The process has to exit
// right after.
func (p *Parent) Report(status int) error {
	if status < 0 || status > 255 {
		return fmt.Errorf("report to init: %d is no exit status", status)
	}
	return p.say(fmt.Sprintf("exit %d\n", status))
}

func (p *Parent) say(line string) error {
	if p.report == nil {
		return nil
	}
	if _, err := p.report.WriteString(line); err != nil {
		return fmt.Errorf("report to init: %w", err)
	}
	return nil
}

// Close gives up what was inherited, and waits for what watches init. It says nothing to init.
func (p *Parent) Close() {
	for _, f := range []*os.File{p.report, p.watch, p.listener} {
		if f != nil {
			f.Close()
		}
	}
	if p.gone != nil {
		<-p.gone
	}
}
