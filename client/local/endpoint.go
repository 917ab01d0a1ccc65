package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/lockfile"
)

// lockTime is how long a removal waits for whoever works on the session, another hub as a rule, before it goes on without the lock: a stop must
// not hang on a process that hangs.
const lockTime = 2 * time.Second

// endpoint is one session.
type endpoint struct {
	backend  *Backend
	id       string
	instance string
	state    string // folder of what it leaves
	run      string // folder of its sockets

	mu     sync.Mutex
	stored record         // as last read or written
	lock   *lockfile.Lock // held while this process makes the session
}

// Record describes the session.
func (e *endpoint) Record() hub.Record {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stored.forHub()
}

// socket is where agentd listens.
func (e *endpoint) socket() string { return filepath.Join(e.run, "a") }

// Dial connects to agentd.
func (e *endpoint) Dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", e.socket())
}

// Doomed knows of no end that the link to agentd doesn't tell of at once.
func (e *endpoint) Doomed(ctx context.Context, tell func(string)) error {
	tell("") // it answers in a moment
	<-ctx.Done()
	return nil
}

// Terminating is false: agentd itself tells when it was told to end.
func (e *endpoint) Terminating() bool { return false }

// Unlaunched says whether this process makes the session. Where another does, agentd answers in a moment.
func (e *endpoint) Unlaunched(context.Context) bool { return e.isMaker() }

// answers reports whether someone listens on a socket. Errors other than "nobody does" count as yes, as they say nothing.
func answers(socket string) bool {
	conn, err := net.Dial("unix", socket)
	if err == nil {
		conn.Close()
		return true
	}
	return !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ENOENT)
}

// refresh reads the record again; false when the session is no more. One that was damaged since it was read last is as it was.
func (e *endpoint) refresh() (record, bool, error) {
	r, err := readRecord(e.state, e.id)
	if errors.Is(err, errDamaged) {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.stored, true, nil
	}
	if err != nil {
		return record{}, false, err
	}
	if r == nil || r.Instance != e.instance {
		return record{}, false, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stored = *r
	return *r, true, nil
}

// isMaker reports whether this process makes the session just now.
func (e *endpoint) isMaker() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lock != nil
}

// Inspect looks at folders, sockets and processes.
func (e *endpoint) Inspect(context.Context) (hub.Condition, error) {
	r, ok, err := e.refresh()
	if err != nil {
		return 0, err
	}
	if !ok {
		e.backend.unregister(e)
		return hub.Gone, nil
	}
	if r.Launched.IsZero() && !e.isMaker() {
		return e.inspectUnlaunched()
	}
	switch {
	case answers(e.socket()):
		return hub.Reachable, nil
	case r.Launched.IsZero():
		return hub.Ended, nil // what it was to run never ran
	case answers(tmuxSocket(e.run)):
		return hub.Orphaned, nil
	case e.leaving(r):
		return hub.Reachable, nil
	default:
		return hub.Ended, nil
	}
}

// leaving reports whether agentd still lives though it no longer listens, as it does for a moment at its end. Without a socket it never comes back.
func (e *endpoint) leaving(r record) bool {
	_, err := os.Lstat(e.socket())
	return err == nil && isAlive(r.PID, r.PIDStart)
}

// inspectUnlaunched tells a start that goes on in another process from one that was cut off.
func (e *endpoint) inspectUnlaunched() (hub.Condition, error) {
	lock, err := lockfile.Try(e.backend.lockPath(e.id))
	if errors.Is(err, lockfile.ErrHeld) {
		return hub.Making, nil
	}
	if err != nil {
		return 0, err
	}
	defer lock.Discard()
	// Now that nobody works on it: the start may have been completed, or undone, since the record was read.
	r, ok, err := e.refresh()
	switch {
	case err != nil:
		return 0, err
	case !ok:
		return hub.Gone, nil
	case r.Launched.IsZero():
		return hub.HalfMade, nil
	default:
		return hub.Reachable, nil
	}
}

// change writes the record.
func (e *endpoint) change(f func(*record)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.stored
	f(&r)
	if err := r.write(e.state); err != nil {
		return err
	}
	e.stored = r
	return nil
}

// Launched notes that the start is complete.
func (e *endpoint) Launched(context.Context) error {
	if err := e.change(func(r *record) { r.Launched = time.Now() }); err != nil {
		return err
	}
	if lock := e.takeLock(); lock != nil {
		lock.Discard()
	}
	return nil
}

func (e *endpoint) takeLock() *lockfile.Lock {
	e.mu.Lock()
	defer e.mu.Unlock()
	lock := e.lock
	e.lock = nil
	return lock
}

// Revive starts a new agentd, which adopts the session that lost its own.
func (e *endpoint) Revive(ctx context.Context) error {
	program, err := e.backend.agentd()
	if err != nil {
		return err
	}
	lock, err := lockfile.Wait(ctx, e.backend.lockPath(e.id))
	if err != nil {
		return err
	}
	defer lock.Discard()
	if _, ok, err := e.refresh(); !ok || err != nil {
		return err
	}
	if answers(e.socket()) {
		return nil // another hub was faster
	}
	return e.spawn(program, agentdEnv(nil))
}

// Remove ends the session's processes and deletes its folders.
func (e *endpoint) Remove(ctx context.Context, _ bool) error {
	lock := e.takeLock()
	if lock == nil {
		wait, cancel := context.WithTimeout(ctx, lockTime)
		defer cancel()
		var err error
		if lock, err = lockfile.Wait(wait, e.backend.lockPath(e.id)); err != nil && wait.Err() == nil {
			return err
		}
	}
	if lock != nil {
		defer lock.Discard()
	}
	r, ok, err := e.refresh()
	if err != nil {
		return err
	}
	if !ok {
		return nil
	}
	pid := 0
	if isAlive(r.PID, r.PIDStart) {
		pid = r.PID
	}
	if err := endProcesses(ctx, e.run, pid); err != nil {
		return fmt.Errorf("end session %q: %w", r.Name, err)
	}
	if err := os.RemoveAll(e.run); err != nil {
		return fmt.Errorf("remove session %q: %w", r.Name, err)
	}
	// In one step, so that nobody sees half a session.
	gone, err := os.MkdirTemp(filepath.Dir(e.state), unfinished)
	if err != nil {
		return fmt.Errorf("remove session %q: %w", r.Name, err)
	}
	if err := os.Rename(e.state, filepath.Join(gone, "state")); err != nil {
		os.Remove(gone)
		return fmt.Errorf("remove session %q: %w", r.Name, err)
	}
	e.backend.unregister(e)
	if err := os.RemoveAll(gone); err != nil {
		return fmt.Errorf("remove session %q: %w", r.Name, err)
	}
	return nil
}
