package tmux

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// closeWait is how long Close lets the client take leave of the server before it is killed. Measured: 2 ms.
const closeWait = 2 * time.Second

// Control is one control-mode connection. Its methods may be called from any goroutine but the one that runs the event handler.
type Control struct {
	events func(Event)
	cmd    *exec.Cmd
	stdin  *os.File

	lines  chan *request  // to the writer
	floods map[Pane]flood // the reader's

	mu      sync.Mutex
	pending []*request // written, in order, not answered yet
	exit    *LostError // from %exit
	err     error      // set before done is closed

	up     chan error    // the outcome of the attach: nil, or what tmux said
	broken chan struct{} // closed when the reader has ended
	done   chan struct{}
	wg     sync.WaitGroup
	once   sync.Once
	stderr tail
	config tail // %config-error lines
}

// request is a line of one or more commands, and what they printed so far.
type request struct {
	ctx     context.Context
	name    string
	line    string
	want    int
	tells   bool // the reply holds notifications
	replies [][]byte
	err     error
	done    chan struct{}
}

// Done is closed when the connection has ended and its process is reaped.
func (c *Control) Done() <-chan struct{} { return c.done }

// Err says why the connection ended: a *LostError. It is nil before Done is closed.
func (c *Control) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// PID is the process id of the tmux client.
func (c *Control) PID() int { return c.cmd.Process.Pid }

// Run sends one command and gives what it printed. When ctx ends first the command may still be carried out.
func (c *Control) Run(ctx context.Context, args ...string) ([]byte, error) {
	replies, err := c.Sequence(ctx, args)
	if err != nil {
		return nil, err
	}
	return replies[0], nil
}

// Sequence sends commands that tmux carries out with nothing in between, and gives what each printed. The first that is refused ends it.
func (c *Control) Sequence(ctx context.Context, commands ...[]string) ([][]byte, error) {
	if len(commands) == 0 {
		return nil, errors.New("empty tmux sequence")
	}
	var b strings.Builder
	for i, args := range commands {
		if i > 0 {
			b.WriteString(" ; ")
		}
		if err := appendLine(&b, args); err != nil {
			return nil, err
		}
	}
	b.WriteByte('\n')
	r := &request{ctx: ctx, name: commands[0][0], line: b.String(), want: len(commands), done: make(chan struct{})}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("tmux %s: %w", r.name, err)
	}
	select {
	case c.lines <- r:
	case <-c.broken:
		return nil, c.lost(r)
	case <-ctx.Done():
		return nil, fmt.Errorf("tmux %s: %w", r.name, ctx.Err())
	}
	select {
	case <-r.done:
		return r.replies, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("tmux %s: %w", r.name, ctx.Err())
	case <-c.done:
	}
	select {
	case <-r.done: // answered just before the end
		return r.replies, r.err
	default:
		return nil, c.lost(r)
	}
}

func (c *Control) lost(r *request) error {
	<-c.done
	return fmt.Errorf("tmux %s: %w", r.name, c.err)
}

// Close takes leave of the server, which lives on, and waits for the client process to end.
func (c *Control) Close() error {
	c.once.Do(func() { _ = c.stdin.Close() }) // end of input is what detaches a control client
	kill := time.AfterFunc(closeWait, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	<-c.done
	return nil
}

// newControl starts the client, whose command is complete but for its pipes.
func newControl(cmd *exec.Cmd, events func(Event)) (*Control, error) {
	c := &Control{events: events, cmd: cmd, lines: make(chan *request), floods: map[Pane]flood{}, up: make(chan error, 1), broken: make(chan struct{}), done: make(chan struct{})}
	if c.events == nil {
		c.events = func(Event) {}
	}
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start tmux: %w", err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		_, _ = inR.Close(), inW.Close()
		return nil, fmt.Errorf("start tmux: %w", err)
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		_, _, _, _ = inR.Close(), inW.Close(), outR.Close(), outW.Close()
		return nil, fmt.Errorf("start tmux: %w", err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inR, outW, errW
	err = cmd.Start()
	_, _, _ = inR.Close(), outW.Close(), errW.Close()
	if err != nil {
		_, _, _ = inW.Close(), outR.Close(), errR.Close()
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("tmux is not installed: %w", exec.ErrNotFound)
		}
		return nil, fmt.Errorf("start tmux: %w", err)
	}
	c.stdin = inW
	c.wg.Go(c.write)
	go c.run(outR, errR)
	return c, nil
}

// run owns the connection: it reads until the end, then ends the rest and says why.
func (c *Control) run(out, stderr *os.File) {
	defer close(c.done)
	p := newProtocol(out)
	p.block, p.notify = c.block, c.notify
	err := p.read()
	close(c.broken)
	_ = out.Close()
	if !errors.Is(err, io.EOF) {
		_ = c.cmd.Process.Kill() // the protocol is broken: nothing that comes can be trusted
	}
	c.once.Do(func() { _ = c.stdin.Close() })
	c.wg.Wait()
	kill := time.AfterFunc(closeWait, func() { _ = c.cmd.Process.Kill() })
	waitErr := c.cmd.Wait()
	kill.Stop()
	// A server that the client started holds no copy of stderr, but a deadline costs nothing and a hang would cost all.
	_ = stderr.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.Copy(&c.stderr, stderr)
	_ = stderr.Close()
	c.mu.Lock()
	c.err = c.reason(err, waitErr)
	c.pending = nil
	c.mu.Unlock()
}

func (c *Control) reason(readErr, waitErr error) error {
	switch {
	case c.exit != nil:
		return c.exit
	case !errors.Is(readErr, io.EOF):
		return &LostError{Reason: readErr.Error()}
	case waitErr != nil:
		return &LostError{Reason: "tmux client: " + waitErr.Error()}
	default:
		return &LostError{Reason: "tmux client ended"}
	}
}

// write sends lines in the order in which their replies are awaited.
func (c *Control) write() {
	for {
		select {
		case r := <-c.lines:
			if r.ctx.Err() != nil {
				continue // nobody waits for it
			}
			c.mu.Lock()
			c.pending = append(c.pending, r)
			c.mu.Unlock()
			if _, err := io.WriteString(c.stdin, r.line); err != nil {
				<-c.broken // the reader tells why
				return
			}
		case <-c.broken:
			return
		}
	}
}

// block takes what one command printed.
func (c *Control) block(g guard, body []byte, failed bool) error {
	if !g.ours() {
		c.started(body, failed)
		return nil
	}
	r, err := c.answered(body, failed)
	if err != nil || !r.tells {
		return err
	}
	for line := range bytes.Lines(body) {
		if err := c.notify(bytes.TrimSuffix(line, []byte{'\n'})); err != nil {
			return err
		}
	}
	return nil
}

// answered gives a reply to who waits for it.
func (c *Control) answered(body []byte, failed bool) (*request, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) == 0 {
		return nil, errors.New("a reply that nothing asked for")
	}
	r := c.pending[0]
	if failed {
		r.err = &CommandError{Command: r.name, Text: string(bytes.TrimSpace(body))}
	} else {
		r.replies = append(r.replies, body)
	}
	if failed || len(r.replies) == r.want {
		c.pending[0] = nil
		c.pending = c.pending[1:]
		close(r.done)
	}
	return r, nil
}

// started takes a block that no line of ours asked for: the first is the client's own attach command, later ones are hooks.
func (c *Control) started(body []byte, failed bool) {
	var err error
	if failed {
		err = &CommandError{Command: "attach-session", Text: string(bytes.TrimSpace(body))}
	}
	select {
	case c.up <- err:
	default:
	}
}

func (c *Control) notify(line []byte) error {
	if rest, ok := bytes.CutPrefix(line, []byte("%exit")); ok {
		c.mu.Lock()
		c.exit = &LostError{Exited: true, Reason: string(bytes.TrimSpace(rest))}
		c.mu.Unlock()
		return nil
	}
	if rest, ok := bytes.CutPrefix(line, []byte("%config-error ")); ok {
		_, _ = c.config.Write(append(rest, '\n'))
		return nil
	}
	e, ok := parseEvent(line)
	if !ok {
		return nil
	}
	c.events(e)
	switch {
	case e.Kind == Output && c.flooded(e):
		c.pause(e.Pane)
	case e.Kind == Paused:
		c.resume(e.Pane)
	}
	return nil
}

// tail keeps the last part of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if len(t.buf) > tailSize {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-tailSize:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.buf))
}
