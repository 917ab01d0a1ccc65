package server

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// newsEvery is how far apart pushes are that tell of nothing but activity, or of a new screen to a client that holds no text of an older one. wire.Event
// promises it. Each push passes every program between here and the client, and holds up the echo of a key that is typed just then.
const newsEvery = time.Second

// watch pushes the session's status now and after each change, until the session has ended; and its metadata, if that is asked for.
func (l *link) watch(ctx context.Context, x *mux.Exchange) (any, error) {
	var q wire.Watch
	if err := x.Decode(&q); err != nil {
		return nil, err
	}
	w := &watcher{status: l.server.session.Status, push: x.Push, peeked: make(chan struct{}, 1)}
	if q.Meta {
		defer l.server.session.FollowMeta()()
		w.meta = l.server.session.Mirrored
	}
	l.addWatcher(w)
	defer l.removeWatcher(w)
	for {
		// Before the status is read: no change falls between the two.
		turned, changed := l.server.session.Turned(), l.server.session.Changed()
		next, err := w.update()
		if err != nil {
			return nil, err
		}
		if next.left {
			return nil, nil
		}
		if next.screen {
			changed = turned // more of the same makes nothing due sooner, and may come a thousand times a second
		}
		if err := sleepUntil(ctx, next.wait, changed, w.peeked); err != nil {
			return nil, err
		}
	}
}

// sleepUntil waits for one of the channels, for the delay to pass if there is one, or for the end of ctx. With no delay it costs no timer.
func sleepUntil(ctx context.Context, delay time.Duration, changed, peeked <-chan struct{}) error {
	var due <-chan time.Time
	if delay > 0 {
		t := time.NewTimer(delay)
		defer t.Stop()
		due = t.C
	}
	select {
	case <-changed:
	case <-peeked:
	case <-due:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// watcher is what one watch has told its client, and what the client knows otherwise.
type watcher struct {
	status func() wire.Status
	meta   func() (map[string]string, uint64) // nil when the client does not want it
	push   func(any) error
	peeked chan struct{} // gets a token when the client has peeked: a push that was to wait may be due

	mu     sync.Mutex
	begun  bool
	told   wire.Status
	toldAt time.Time
	metas  uint64 // the count of changes of the metadata that was told
	// holds: the client has peeked since it was last told, so it holds text that the next change makes stale.
	holds bool
	seen  uint64 // the newest screen it peeked at
	err   error  // of the push that failed
}

// next is what a watcher waits for.
type next struct {
	left   bool          // the session has ended and the client knows
	wait   time.Duration // until a push is due; 0 when there is nothing to tell
	screen bool          // that push tells of a new screen
}

// update pushes the status if a push is due, and says what comes next.
func (w *watcher) update() (next, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	status := w.status()
	var n next
	due, news := w.due(status)
	if news && !due.After(now) {
		w.tell(status, now)
	} else if news {
		n.wait, n.screen = due.Sub(now), w.newScreen(status)
	}
	n.left = w.told.State == wire.StateExited
	return n, w.err
}

// tellNow pushes whatever is new.
func (w *watcher) tellNow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	status := w.status()
	if _, news := w.due(status); news {
		w.tell(status, time.Now())
	}
}

// tell pushes a status. A failure is kept for the watch to return.
func (w *watcher) tell(status wire.Status, now time.Time) {
	if w.err != nil {
		return
	}
	event := wire.Event{Status: status}
	if w.newMeta() {
		var meta map[string]string
		meta, w.metas = w.meta()
		event.Meta = &wire.MetaList{Meta: meta}
	}
	w.err = w.push(event)
	w.begun, w.told, w.toldAt, w.holds = true, status, now, false
}

// due says whether status is news to the client, and when it is to be told.
func (w *watcher) due(status wire.Status) (at time.Time, news bool) {
	switch {
	case !w.begun, differs(w.told, status), w.newMeta():
		return time.Time{}, true
	case w.newScreen(status):
		if w.holds {
			return time.Time{}, true
		}
		return w.toldAt.Add(newsEvery), true
	case !status.Activity.Equal(w.told.Activity):
		return w.toldAt.Add(newsEvery), true
	}
	return time.Time{}, false
}

// newScreen reports whether the client doesn't know of status's screen.
func (w *watcher) newScreen(status wire.Status) bool {
	return status.Screen > max(w.told.Screen, w.seen)
}

// newMeta reports whether the client doesn't know of the metadata's last change.
func (w *watcher) newMeta() bool {
	if w.meta == nil {
		return false
	}
	_, changes := w.meta()
	return changes != w.metas
}

// differs compares what is told at once.
func differs(a, b wire.Status) bool {
	return a.State != b.State || a.Stopping != b.Stopping || a.Attached != b.Attached || a.Columns != b.Columns || a.Rows != b.Rows ||
		!a.Started.Equal(b.Started) || (a.Exit == nil) != (b.Exit == nil)
}

func (l *link) addWatcher(w *watcher) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watchers == nil {
		l.watchers = map[*watcher]struct{}{}
	}
	l.watchers[w] = struct{}{}
}

func (l *link) removeWatcher(w *watcher) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.watchers, w)
}

// own gives the link's watchers.
func (l *link) own() []*watcher {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.watchers))
}

// tellWatchers has the connection's watches push what is new, before it returns.
func (l *link) tellWatchers() {
	for _, w := range l.own() {
		w.tellNow()
	}
}

// peeked notes that the client is given the screen's text at a version.
func (l *link) peeked(screen uint64) {
	for _, w := range l.own() {
		w.mu.Lock()
		w.holds = true
		w.seen = max(w.seen, screen)
		w.mu.Unlock()
		select {
		case w.peeked <- struct{}{}:
		default: // a token is there already
		}
	}
}
