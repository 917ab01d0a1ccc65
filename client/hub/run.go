package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/lockfile"
	"github.com/gascity/agentd/client/paths"
)

// defaultIdle is how long a hub stays without clients and sessions. Starting one takes milliseconds; what it would forget can be asked for again.
const defaultIdle = 30 * time.Minute

// adoptTime is how long a hub that starts looks for sessions before it answers: whoever has started it waits. Where that takes longer, it goes on looking.
const adoptTime = time.Second

// claimRetry is how often a claim that another hub holds is tried again.
const claimRetry = time.Second

// Process is a hub as a process of its own.
type Process struct {
	Backend Backend
	// Token mints a token for the session with that audience.
	Token func(audience string) (string, error)
	// Files says where the hub listens and logs.
	Files paths.Hub
	// ListenFD is an inherited descriptor of the listening socket; 0 means that the hub makes its own.
	ListenFD int
	// Idle is how long the hub stays without clients and sessions; 0 means 30 minutes.
	Idle time.Duration
	// Verbose logs more.
	Verbose bool
}

// Run is the life of the hub's process: it finds the sessions there are, serves until SIGTERM, SIGINT, OpHubStop or idleness ends it, and leaves them
// alive. An error is one line that says why the hub can't run; it is in the log, too.
func Run(ctx context.Context, p Process) (err error) {
	out, err := openLog(p.Files.Log, maxLog)
	if err != nil {
		return err
	}
	defer out.Close()
	level := slog.LevelInfo
	if p.Verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level})).With("pid", os.Getpid())
	defer func() {
		if err != nil {
			log.Error("hub ends", "error", err)
		}
	}()

	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	l, err := p.listen()
	if err != nil {
		return err
	}
	defer func() {
		// Whoever has dialled a hub that can't run learns of it when the process ends, which has then said why.
		if err == nil {
			l.Close()
		}
	}()
	claimed, release := context.WithCancel(context.WithoutCancel(ctx))
	var claiming sync.WaitGroup
	defer claiming.Wait()
	defer release()
	claiming.Go(func() { p.holdClaim(claimed, log) })
	// The folder that the hub was started in must not be kept from being removed.
	if err := os.Chdir("/"); err != nil {
		return fmt.Errorf("leave the folder: %w", err)
	}
	if p.Idle == 0 {
		p.Idle = defaultIdle
	}
	h := New(p.Backend, Options{Token: p.Token, Logger: log, Idle: p.Idle, Socket: p.Files.Socket, Log: p.Files.Log})
	defer h.Close()
	log.Info("hub starts", "version", wire.BuildVersion(), "backend", p.Backend.Name(), "socket", p.Files.Socket)
	h.deliverSpooled()
	end, err := h.firstLook(ctx)
	defer end()
	if err != nil {
		return fmt.Errorf("find sessions: %w", err)
	}
	if err := h.Serve(ctx, ownPeers{l, log}); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	log.Info("hub leaves", "requests", h.requests.Load())
	return nil
}

// firstLook finds the sessions there are. Where that takes long it goes on by itself until end. Where the backend can't be reached it is no error, nor where the
// hub has events to keep as well, which is allowed to some who may not look at sessions: whoever asks for a session is told.
func (h *Hub) firstLook(ctx context.Context) (end func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	end = func() {
		cancel()
		looking.Wait()
	}
	found := make(chan error, 1)
	looking.Go(func() {
		err := h.adoptAll(ctx)
		_, keepsEvents := h.backend.(EventKeeper)
		if wire.CodeOf(err) == wire.CodeUnavailable || err != nil && keepsEvents {
			h.log.Warn("sessions are not known yet", "error", err)
			err = nil
		}
		found <- err
	})
	late := time.NewTimer(adoptTime)
	defer late.Stop()
	select {
	case err = <-found:
	case <-late.C:
		h.log.Info("still looking for sessions")
	}
	return end, err
}

// listen takes the inherited socket, or makes one where no other hub answers.
func (p *Process) listen() (net.Listener, error) {
	if p.ListenFD > 0 {
		return inherited(p.ListenFD)
	}
	if err := paths.MakeDir(p.Files.Dir); err != nil {
		return nil, fmt.Errorf("hub's folder: %w", err)
	}
	start, err := lockfile.Try(p.Files.Lock)
	if errors.Is(err, lockfile.ErrHeld) {
		return nil, fmt.Errorf("a hub is being started just now")
	}
	if err != nil {
		return nil, err
	}
	defer start.Release()
	if c, err := net.Dial("unix", p.Files.Socket); err == nil {
		c.Close()
		return nil, fmt.Errorf("a hub is running: gcctl hub stop ends it")
	}
	os.Remove(p.Files.Socket) // left by a hub that has gone
	l, err := net.Listen("unix", p.Files.Socket)
	if err != nil {
		return nil, fmt.Errorf("hub's socket: %w", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // by then it may be the next hub's
	return l, nil
}

func inherited(fd int) (net.Listener, error) {
	f := os.NewFile(uintptr(fd), "listener")
	if f == nil {
		return nil, fmt.Errorf("descriptor %d is no socket", fd)
	}
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d: %w", fd, err)
	}
	return l, nil
}

// holdClaim marks this process as the hub until ctx ends, so that it can be found and replaced should it hang. The hub before it may still be finishing its calls.
func (p *Process) holdClaim(ctx context.Context, log *slog.Logger) {
	retry := time.NewTicker(claimRetry)
	defer retry.Stop()
	for {
		claim, err := lockfile.Claim(filepath.Join(p.Files.Dir, lockfile.ClaimName))
		if err == nil {
			defer claim.Close()
			<-ctx.Done()
			return
		}
		if !errors.Is(err, lockfile.ErrHeld) {
			log.Error("this hub can't be found by its pid", "error", err)
			return
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return
		}
	}
}
