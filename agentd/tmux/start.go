package tmux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// clientFlags of the control client: it has no size of its own to impose, and tmux pauses a pane for it, rather than cutting it off, when it reads more
// than a second late.
const clientFlags = "ignore-size,pause-after=1"

// Options say where tmux's server is, and who hears of it.
type Options struct {
	// Dir is the TMUX_TMPDIR: the server is the default socket's in it. Empty means tmux's own default.
	Dir string
	// Env is the environment of the tmux process, and the global environment of a server it starts. Nil means this process's. TMUX,
	// TMUX_PANE and TMUX_TMPDIR in it are replaced.
	Env []string
	// Events is called with each event, in order. It must not block.
	Events func(Event)
}

// Command gives a tmux command that isn't tied to a connection, reading no configuration and starting no server: `tmux ARGS…`.
func (o Options) Command(args ...string) *exec.Cmd {
	return o.command(append([]string{"-N", "-u", "-f", "/dev/null"}, args...)...)
}

func (o Options) command(args ...string) *exec.Cmd {
	cmd := exec.Command("tmux", args...)
	cmd.Env = o.environment()
	return cmd
}

func (o Options) environment() []string {
	env := o.Env
	if env == nil {
		env = os.Environ()
	}
	clean := make([]string, 0, len(env)+1)
	for _, kv := range env {
		switch k, _, _ := strings.Cut(kv, "="); k {
		case "TMUX", "TMUX_PANE", "TMUX_TMPDIR":
		default:
			clean = append(clean, kv)
		}
	}
	if o.Dir != "" {
		clean = append(clean, "TMUX_TMPDIR="+o.Dir)
	}
	return clean
}

// settle is how long Attach lets pass first. tmux before 3.4 crashes, and the agent with it, when it tells control clients of something (another client's end, say)
// in the moment in which one introduces itself. Whoever attaches anew does so because something has just ended, and with it, most likely, the terminals of others.
const settle = 50 * time.Millisecond

// Attach joins the session of a server that lives, after a pause of 50 ms. ErrNoSession means that there is no such server or session.
func Attach(ctx context.Context, o Options, target string) (*Control, error) {
	select {
	case <-time.After(settle):
	case <-ctx.Done():
		return nil, fmt.Errorf("attach to tmux: %w", ctx.Err())
	}
	return attach(ctx, o, target)
}

func attach(ctx context.Context, o Options, target string) (*Control, error) {
	cmd := o.command("-N", "-u", "-f", "/dev/null", "-C", "attach-session", "-t", target, "-f", clientFlags)
	c, err := newControl(cmd, o.Events)
	if err != nil {
		return nil, err
	}
	return c.await(ctx)
}

// Start starts a server with the given configuration, which must make the session, and attaches to it. The configuration goes through a pipe: it may hold secrets
// and be of any size. The caller has made sure that no server lives in o.Dir: one that does would not read the configuration.
// When Start fails, no server of its making is left.
func Start(ctx context.Context, o Options, config, target string) (*Control, error) {
	c, err := startPiped(ctx, o, config, target)
	if errors.Is(err, ErrNoSession) {
		// Either this system has no /dev/fd, or tmux refused the configuration and keeps to itself why. A file works on the one, and tells on the other.
		_ = o.Command("kill-server").Run()
		c, err = startFile(ctx, o, config, target)
	}
	if err != nil {
		_ = o.Command("kill-server").Run() // fails when there is none, which is the aim
		return nil, err
	}
	return c, nil
}

// pipePath is the first extra file of a child.
const pipePath = "/dev/fd/3"

func startPiped(ctx context.Context, o Options, config, target string) (*Control, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start tmux: %w", err)
	}
	cmd := o.command("-u", "-f", pipePath, "-C", "attach-session", "-t", target, "-f", clientFlags)
	cmd.ExtraFiles = []*os.File{r}
	c, err := newControl(cmd, o.Events)
	_ = r.Close()
	if err != nil {
		_ = w.Close()
		return nil, err
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(w, config) // a reader that goes away is reported by the attach
		_ = w.Close()
	}()
	c, err = c.await(ctx)
	_ = w.Close() // ends the writing if the server hasn't read all
	<-written
	return c, err
}

func startFile(ctx context.Context, o Options, config, target string) (*Control, error) {
	f, err := os.CreateTemp(o.Dir, "tmux-*.conf") // made with mode 0600
	if err != nil {
		return nil, fmt.Errorf("start tmux: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = io.WriteString(f, config)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("start tmux: write its configuration: %w", err)
	}
	for {
		var said tail
		cmd := o.command("-u", "-f", "/dev/null", "start-server", ";", "source-file", f.Name())
		cmd.Stdout, cmd.Stderr = &said, &said
		err := cmd.Run()
		switch {
		case err == nil:
			return attach(ctx, o, target)
		case ctx.Err() != nil:
			return nil, fmt.Errorf("start tmux: %w", ctx.Err())
		case strings.Contains(said.String(), serverDied):
			continue // it met a server that was on its way out, and the next meets none
		}
		return nil, fmt.Errorf("start tmux: %w%s", err, parenthesis(strings.ReplaceAll(said.String(), f.Name()+":", "line ")))
	}
}

// await waits for the outcome of the client's attach.
func (c *Control) await(ctx context.Context) (*Control, error) {
	var err error
	select {
	case err = <-c.up:
		if err == nil {
			return c, nil
		}
	case <-c.done:
		err = c.err
	case <-ctx.Done():
		_ = c.cmd.Process.Kill()
		<-c.done
		return nil, fmt.Errorf("attach to tmux: %w", ctx.Err())
	}
	_ = c.Close()
	said := strings.Join(nonEmpty(c.config.String(), c.stderr.String()), "; ")
	if noSession(err, said) {
		return nil, fmt.Errorf("attach to tmux: %w%s", ErrNoSession, parenthesis(said))
	}
	return nil, fmt.Errorf("attach to tmux: %w%s", err, parenthesis(said))
}

func noSession(err error, said string) bool {
	var refused *CommandError
	if errors.As(err, &refused) {
		return strings.Contains(refused.Text, "can't find session") || strings.Contains(refused.Text, "no sessions")
	}
	var lost *LostError
	if errors.As(err, &lost) && lost.ServerDied() {
		return true // it met a server that was on its way out
	}
	return strings.Contains(said, "no server running on") || strings.Contains(said, "error connecting to")
}

func nonEmpty(texts ...string) (kept []string) {
	for _, t := range texts {
		if t != "" {
			kept = append(kept, t)
		}
	}
	return kept
}

func parenthesis(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// SocketPath is where the server of a TMUX_TMPDIR listens for the current user.
func SocketPath(dir string) string {
	if dir == "" {
		dir = "/tmp"
	}
	return filepath.Join(dir, fmt.Sprintf("tmux-%d", os.Getuid()), "default")
}

// Answers tells whether a server listens on dir's default socket.
func Answers(dir string) bool {
	c, err := net.Dial("unix", SocketPath(dir))
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
