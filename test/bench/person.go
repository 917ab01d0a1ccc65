package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// patience is how long a person waits for what should be on the screen.
const patience = 60 * time.Second

// person sits at a terminal in which a program runs: types, and notes when something appears.
type person struct {
	program  *exec.Cmd
	terminal *os.File
	done     chan struct{} // the program has ended, and all it wrote was read
	taken    atomic.Int64  // how many bytes of it

	mu    sync.Mutex
	tail  []byte // the last of what was read since want was set
	want  []byte
	found chan time.Time
}

// sit runs a program in a terminal and waits until that shows text: what is typed before is typed too soon. rate is how many bytes a second the
// terminal takes, 0 for as many as come.
func (w *world) sit(text string, rate int, argv ...string) (*person, error) {
	return w.sitAt(&pty.Winsize{Cols: 100, Rows: 30}, text, rate, argv...)
}

// sitAt is sit at a terminal of that size.
func (w *world) sitAt(size *pty.Winsize, text string, rate int, argv ...string) (*person, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = w.env, w.dir
	t, err := pty.StartWithSize(cmd, size)
	if err != nil {
		return nil, err
	}
	p := &person{program: cmd, terminal: t, done: make(chan struct{})}
	shown := p.expect(text)
	go func() {
		defer close(p.done)
		p.read(rate)
	}()
	if _, err := p.await(w.ctx, shown, text); err != nil {
		p.leave()
		return nil, fmt.Errorf("%s: %w", argv, err)
	}
	return p, nil
}

func (p *person) read(rate int) {
	buf := make([]byte, 32<<10)
	if rate > 0 {
		buf = buf[:max(1, rate/1000)] // a millisecond's
	}
	for {
		n, err := p.terminal.Read(buf)
		now := time.Now()
		p.taken.Add(int64(n))
		p.look(buf[:n], now)
		if err != nil {
			return
		}
		if rate > 0 {
			time.Sleep(time.Duration(n) * time.Second / time.Duration(rate))
		}
	}
}

func (p *person) look(text []byte, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.want == nil {
		return
	}
	p.tail = append(p.tail, text...)
	if bytes.Contains(p.tail, p.want) {
		p.found <- now
		p.want = nil
		return
	}
	p.tail = append(p.tail[:0], p.tail[max(0, len(p.tail)-len(p.want)):]...)
}

// says types keys and gives the time from then until text appears.
func (p *person) says(ctx context.Context, keys, text string) (time.Duration, error) {
	found := p.expect(text)
	began := time.Now()
	if _, err := p.terminal.Write([]byte(keys)); err != nil {
		return 0, err
	}
	at, err := p.await(ctx, found, text)
	return at.Sub(began), err
}

// expect gives the time at which text appears, from now on.
func (p *person) expect(text string) <-chan time.Time {
	found := make(chan time.Time, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tail, p.want, p.found = nil, []byte(text), found
	return found
}

func (p *person) await(ctx context.Context, found <-chan time.Time, text string) (time.Time, error) {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case at := <-found:
		return at, nil
	case <-p.done:
		return time.Time{}, fmt.Errorf("the terminal closed before it showed %q", text)
	case <-late.C:
		return time.Time{}, fmt.Errorf("the terminal showed no %q within %s", text, patience)
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}

// leave hangs up and waits for the program to end.
func (p *person) leave() {
	_ = p.program.Process.Signal(syscall.SIGHUP) // it may have ended by itself
	<-p.done
	_ = p.program.Wait() // ended by a signal
	p.terminal.Close()
}
