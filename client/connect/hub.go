package connect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/frames"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/lockfile"
	"github.com/gascity/agentd/client/paths"
	"github.com/gascity/agentd/client/target"
)

const (
	// answerTime is how long a hub may take to greet before it counts as hanging; it takes one about a millisecond.
	answerTime = 3 * time.Second
	// startTime is how long a hub that was just started may take.
	startTime = 10 * time.Second
	// leaveTime is how long a hub may take to leave; it gives calls under way 5 s.
	leaveTime = 6 * time.Second
	// leavePoll is how often it is looked whether a hub that was told to end has gone: it isn't our child.
	leavePoll = 5 * time.Millisecond
)

// Hub gives a connection to the hub, starting or replacing the hub where needed. The caller closes it.
func Hub(ctx context.Context, o Options) (*mux.Conn, error) {
	h, err := open(o)
	if err != nil {
		return nil, err
	}
	return h.connect(ctx)
}

func (h *hub) connect(ctx context.Context) (*mux.Conn, error) {
	conn, version, err := h.dial(ctx, answerTime)
	if err == nil && (version == h.version() || h.options.NoStart) {
		return conn, nil
	}
	if err == nil {
		conn.Close(wire.CloseNormal, "")
	}
	if h.options.NoStart {
		if isAbsent(err) {
			return nil, ErrNoHub
		}
		if pid, _ := lockfile.Holder(h.claim()); pid != 0 && wire.CodeOf(err) == wire.CodeUnavailable {
			err = fmt.Errorf("%w; any session operation replaces that hub, and kill %d ends it", err, pid)
		}
		return nil, err
	}
	if err := over(ctx); err != nil {
		return nil, fmt.Errorf("connect to the hub: %w", err)
	}
	if err := paths.MakeDir(h.files.Dir); err != nil {
		return nil, fmt.Errorf("hub's folder: %w", err)
	}
	lock, err := lockfile.Wait(ctx, h.files.Lock)
	if err != nil {
		return nil, fmt.Errorf("start the hub: %w", err)
	}
	defer lock.Release()
	return h.establish(ctx)
}

// claim is the file that a hub's process holds.
func (h *hub) claim() string { return filepath.Join(h.files.Dir, lockfile.ClaimName) }

// version is this build's.
func (h *hub) version() string {
	if h.options.testOnlyVersion != "" {
		return h.options.testOnlyVersion
	}
	return wire.BuildVersion()
}

// establish gives a connection to a hub of this build, whatever it takes. The start lock is held, so nobody else starts or replaces one.
func (h *hub) establish(ctx context.Context) (*mux.Conn, error) {
	conn, version, err := h.dial(ctx, answerTime)
	switch {
	case err == nil && version == h.version():
		return conn, nil
	case err == nil:
		h.options.Logger.Info("replacing the hub of another build", "theirs", version, "ours", h.version())
		if err := h.replace(ctx, conn); err != nil {
			return nil, err
		}
	case over(ctx) != nil:
		return nil, fmt.Errorf("connect to the hub: %w", over(ctx))
	case !isAbsent(err):
		grace := time.Duration(0)
		if wire.CodeOf(err) == wire.CodeUnavailable { // it answers in words of its own, so it can leave, too
			grace = leaveTime
		}
		h.options.Logger.Warn("the hub does not answer as it should; replacing it", "error", err)
		if err := h.end(ctx, grace); err != nil {
			return nil, err
		}
	}
	return h.start(ctx)
}

// dial connects to a hub that listens.
func (h *hub) dial(ctx context.Context, limit time.Duration) (*mux.Conn, string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return frames.Dial(ctx, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", h.files.Socket)
	}, h.options.Logger)
}

// over is ctx's end, also where its time is up and the context does not know yet, though a connection's deadline did: a hub must not be taken for one
// that hangs because its caller has no time.
func over(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// isAbsent reports whether a failed dial means that nobody listens any more: there is no socket, nobody at it, or it closed before it answered.
func isAbsent(err error) bool {
	for _, gone := range []error{syscall.ECONNREFUSED, syscall.ENOENT, syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}

// replace asks a hub of another build to leave and waits until it no longer listens. One that does not is ended.
func (h *hub) replace(ctx context.Context, conn *mux.Conn) error {
	defer conn.Close(wire.CloseNormal, "")
	ask, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	err := conn.Call(ask, mux.Request{Op: wire.OpHubStop, Body: wire.HubStop{Replace: true}}, nil)
	if err == nil || mux.Lost(err) {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("replace the hub: %w", ctx.Err())
	}
	h.options.Logger.Warn("the hub does not leave", "error", err)
	return h.end(ctx, 0)
}

// end ends the hub's process, by force if it doesn't leave within grace, and waits for that. Sessions live on; what the hub holds is found again, but for what
// agents in pods said last while the API server was away.
func (h *hub) end(ctx context.Context, grace time.Duration) error {
	pid, err := lockfile.Holder(h.claim())
	if err != nil {
		return fmt.Errorf("replace the hub: %w", err)
	}
	if pid == 0 {
		return fmt.Errorf("the hub at %s does not answer, and which process it is isn't known: end it", h.files.Socket)
	}
	signal := syscall.SIGKILL
	if grace > 0 {
		signal = syscall.SIGTERM
	}
	tell := func() error {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("replace the hub (process %d): %w", pid, err)
		}
		return nil
	}
	if err := tell(); err != nil {
		return err
	}
	tick := time.NewTicker(leavePoll)
	defer tick.Stop()
	for patience := time.After(grace); ; {
		if now, err := lockfile.Holder(h.claim()); err != nil || now != pid {
			return err
		}
		select {
		case <-tick.C:
		case <-patience:
			signal = syscall.SIGKILL
			if err := tell(); err != nil {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("replace the hub (process %d): %w", pid, ctx.Err())
		}
	}
}

// start starts a hub and connects to it. The start lock is held, and no hub listens.
func (h *hub) start(ctx context.Context) (*mux.Conn, error) {
	command, err := h.command()
	if err != nil {
		return nil, err
	}
	began, err := h.spawn(command)
	if err != nil {
		return nil, fmt.Errorf("start the hub: %w", err)
	}
	conn, _, err := h.dial(ctx, startTime)
	if err == nil {
		return conn, nil
	}
	if err := over(ctx); err != nil {
		return nil, fmt.Errorf("start the hub: %w", err)
	}
	if why := h.lastWords(began); why != "" && isAbsent(err) {
		return nil, wire.Errorf(wire.CodeFailed, "the hub could not start: %s", why)
	}
	return nil, wire.Errorf(wire.CodeUnavailable, "the hub could not start (see %s): %v", h.files.Log, err)
}

// spawn runs the hub, detached from this process and its terminal, and gives the size that its log had before.
func (h *hub) spawn(command []string) (logged int64, err error) {
	socket, err := paths.Listen(h.files.Socket)
	if err != nil {
		return 0, err
	}
	defer socket.Close() // only the hub holds it when it runs
	log, err := os.OpenFile(h.files.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	if info, err := log.Stat(); err == nil {
		logged = info.Size()
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = environment()
	cmd.Dir = "/"
	cmd.Stderr = log
	cmd.ExtraFiles = []*os.File{socket} // ListenFD
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	return logged, cmd.Process.Release()
}

// Local gives a connection to the hub of local sessions.
func Local(ctx context.Context) (*mux.Conn, error) {
	return Hub(ctx, Options{Target: target.OnThisMachine()})
}

// Kube gives a connection to the hub of the sessions in pods that the environment means.
func Kube(ctx context.Context) (*mux.Conn, error) {
	t, err := target.InCluster(os.Getenv)
	if err != nil {
		return nil, err
	}
	return Hub(ctx, Options{Target: t})
}

// lastWords gives the line that says why a hub died, of what was logged since the log had that size: the head of a crash, or the last line.
func (h *hub) lastWords(since int64) string {
	f, err := os.Open(h.files.Log)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	if info.Size() < since {
		since = 0 // the log was cut
	}
	tail := make([]byte, 64<<10)
	n, err := f.ReadAt(tail, max(since, info.Size()-int64(len(tail))))
	if err != nil && err != io.EOF {
		return ""
	}
	last := ""
	for line := range bytes.Lines(tail[:n]) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			last = strings.TrimPrefix(string(line), "gcctl: ") // who says so: the hub is one
		}
		if bytes.HasPrefix(line, []byte("panic:")) || bytes.HasPrefix(line, []byte("fatal error:")) {
			break
		}
	}
	return last
}
