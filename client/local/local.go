package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/lockfile"
	"github.com/gascity/agentd/client/paths"
)

const (
	// clockGrain is how long after a folder's change a second one might leave no trace in its time stamp.
	clockGrain = 50 * time.Millisecond
	// leftTime is the age at which a folder that was never finished is taken for one that a killed process left.
	leftTime = time.Minute
	// unfinished is how the names of such folders begin.
	unfinished = ".new-"
)

// Config of the backend.
type Config struct {
	Dirs paths.Dirs
	// PublicKeys is the file of the keys that sessions trust.
	PublicKeys string
	// Agentd is the program to run; empty means agentd beside this program, then on PATH.
	Agentd string
}

// Backend runs sessions on this machine. Close ends it.
type Backend struct {
	config Config
	reaper *reaper

	mu        sync.Mutex
	endpoints map[string]*endpoint // by id
	scanned   []hub.Endpoint
	stamp     time.Time // of the sessions' folder when it was scanned; zero if that can't be relied on
}

// New makes the backend.
func New(c Config) (*Backend, error) {
	for _, dir := range []string{c.Dirs.Sessions(), filepath.Dir(c.Dirs.SessionRun("x"))} {
		if err := paths.MakeDir(dir); err != nil {
			return nil, fmt.Errorf("sessions' folder: %w", err)
		}
	}
	return &Backend{config: c, reaper: newReaper(), endpoints: map[string]*endpoint{}}, nil
}

// Close ends what the backend does in this process. Sessions live on.
func (b *Backend) Close() { b.reaper.close() }

// Name is "local".
func (b *Backend) Name() string { return "local" }

// Stale is false: the machine stays the same.
func (b *Backend) Stale() bool { return false }

// CheckImage succeeds: local sessions run on this machine itself, whatever image is named.
func (b *Backend) CheckImage(context.Context, wire.CheckImage) error { return nil }

// Scan gives every session with a folder. It reads the folders only when one came or went.
func (b *Backend) Scan(context.Context) ([]hub.Endpoint, error) {
	dir := b.config.Dirs.Sessions()
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("scan sessions: %w", err)
	}
	b.mu.Lock()
	scanned, fresh := b.scanned, !b.stamp.IsZero() && info.ModTime().Equal(b.stamp)
	b.mu.Unlock()
	if fresh {
		return scanned, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("scan sessions: %w", err)
	}
	var found []hub.Endpoint
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			b.sweep(entry)
			continue
		}
		ep, err := b.open(entry.Name())
		if errors.Is(err, errDamaged) || errors.Is(err, fs.ErrPermission) {
			continue // whoever asks for it by its name is told; the others must not lose their agents
		}
		if err != nil {
			return nil, err
		}
		if ep != nil {
			found = append(found, ep)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.scanned, b.stamp = found, info.ModTime()
	if time.Since(b.stamp) < clockGrain {
		b.stamp = time.Time{}
	}
	return found, nil
}

// sweep removes a folder whose maker was killed before, or its remover after, it was a session's.
func (b *Backend) sweep(entry os.DirEntry) {
	info, err := entry.Info()
	if err == nil && time.Since(info.ModTime()) > leftTime {
		os.RemoveAll(filepath.Join(b.config.Dirs.Sessions(), entry.Name()))
	}
}

// Find gives the session of that name, nil when there is none. Of one with a damaged record it gives what can be removed.
func (b *Backend) Find(_ context.Context, name string) (hub.Endpoint, error) {
	id := paths.SessionID(name)
	ep, err := b.open(id)
	if errors.Is(err, errDamaged) {
		return b.newEndpoint(id, &record{Name: name}), nil
	}
	if ep == nil || err != nil {
		return nil, err // not ep: a nil *endpoint in an interface is not nil
	}
	return ep, nil
}

// open gives the session in a folder, nil when there is none.
func (b *Backend) open(id string) (*endpoint, error) {
	r, err := readRecord(b.config.Dirs.SessionState(id), id)
	if r == nil || err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.endpoints[id]; e != nil && e.instance == r.Instance {
		return e, nil
	}
	return b.register(id, r), nil
}

// register makes the endpoint of an id. The caller holds mu.
func (b *Backend) register(id string, r *record) *endpoint {
	e := b.newEndpoint(id, r)
	b.endpoints[id] = e
	return e
}

func (b *Backend) newEndpoint(id string, r *record) *endpoint {
	return &endpoint{
		backend: b, id: id, instance: r.Instance, stored: *r,
		state: b.config.Dirs.SessionState(id), run: b.config.Dirs.SessionRun(id),
	}
}

// unregister forgets an endpoint whose session is no more.
func (b *Backend) unregister(e *endpoint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.endpoints[e.id] == e {
		delete(b.endpoints, e.id)
	}
}

// Create makes a session's folders and starts its agentd.
func (b *Backend) Create(ctx context.Context, spec hub.Spec) (hub.Endpoint, error) {
	program, err := b.agentd()
	if err != nil {
		return nil, err
	}
	id := paths.SessionID(spec.Name)
	lock, err := lockfile.Wait(ctx, b.lockPath(id))
	if err != nil {
		return nil, err
	}
	e, err := b.makeFolders(id, spec)
	if err != nil {
		lock.Discard()
		return nil, err
	}
	e.lock = lock // from here on Remove gives it up
	if err := e.spawn(program, agentdEnv(spec.BaseEnv)); err != nil {
		return nil, errors.Join(err, e.Remove(context.WithoutCancel(ctx), false))
	}
	return e, nil
}

// lockPath is beside the run folder, which comes and goes while the lock is held.
func (b *Backend) lockPath(id string) string { return b.config.Dirs.SessionRun(id) + ".lock" }

// makeFolders makes the state and run folders of a new instance. The id's lock is held.
func (b *Backend) makeFolders(id string, spec hub.Spec) (*endpoint, error) {
	r := &record{
		Name: spec.Name, City: spec.City, Key: spec.Key, WorkDir: spec.WorkDir, Command: spec.Command,
		Instance: rand.Text(), Created: time.Now(),
	}
	r.Audience = "local/" + id + "/" + r.Instance
	state, run := b.config.Dirs.SessionState(id), b.config.Dirs.SessionRun(id)
	if exists(state) { // whoever held the lock before has made it, and it lives
		return nil, wire.Errorf(wire.CodeState, "session %q was made meanwhile", spec.Name)
	}
	made, err := os.MkdirTemp(b.config.Dirs.Sessions(), unfinished)
	if err != nil {
		return nil, fmt.Errorf("make the session's folder: %w", err)
	}
	if err := r.write(made); err != nil {
		os.RemoveAll(made)
		return nil, err
	}
	// Whatever still runs in the old folder would be in the way of the new session.
	endProcesses(context.Background(), run, 0)
	if err := os.RemoveAll(run); err != nil {
		os.RemoveAll(made)
		return nil, fmt.Errorf("clear the session's run folder: %w", err)
	}
	if err := paths.MakeDir(run); err != nil {
		os.RemoveAll(made)
		return nil, fmt.Errorf("make the session's run folder: %w", err)
	}
	if err := os.Rename(made, state); err != nil {
		os.RemoveAll(made)
		os.RemoveAll(run)
		return nil, fmt.Errorf("make the session's folder: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.register(id, r), nil
}
