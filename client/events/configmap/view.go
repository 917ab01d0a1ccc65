package configmap

import (
	"sync"
	"time"
)

// view is the copy of the log in memory, and what is known of how good it is.
type view struct {
	mu       sync.Mutex
	store    store
	frontier frontier
	late     []uint64 // stored behind the frontier, after their number had been declared dead
	want     uint64   // readers are answered when the frontier has come this far
	synced   bool     // there was a list
	up       bool     // there is a watch
	err      error    // why there is none
	failed   int      // how often listing or watching has failed
	changed  chan struct{}
}

func newView() *view { return &view{changed: make(chan struct{})} }

// notify wakes whoever waits for a change. The caller holds mu.
func (v *view) notify() {
	close(v.changed)
	v.changed = make(chan struct{})
}

// next gives the lowest stored number after another one, 0 for none. The caller holds mu.
func (v *view) next(after uint64) uint64 {
	if items := v.store.after(after); len(items) > 0 {
		return items[0].seq
	}
	return 0
}

// put takes an event that is stored.
func (v *view) put(it *item) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.store.put(it) {
		return
	}
	if it.seq <= v.frontier.front {
		v.late = append(v.late, it.seq)
	}
	v.frontier.given(it.seq, time.Now())
	v.frontier.advance(v.next)
	v.notify()
}

// remove takes an event's deletion.
func (v *view) remove(seq uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.store.remove(seq)
	v.notify()
}

// given takes the counter's number.
func (v *view) given(upTo uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.frontier.given(upTo, time.Now())
	v.notify()
}

// acknowledge has readers wait for what a recorder was told to be stored.
func (v *view) acknowledge(seq uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.want = max(v.want, seq)
}

// replace takes a list of all that is stored, sorted, as it was at a version, and since when which numbers had been given out.
func (v *view) replace(items []*item, version uint64, steps []step) {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.store
	v.store = store{items: items, names: old.names}
	for _, it := range items {
		v.store.share(it)
		if v.synced && it.seq <= v.frontier.front && !old.has(it.seq) {
			v.late = append(v.late, it.seq)
		}
	}
	for _, it := range old.items {
		if it.version > version { // stored by this process since
			v.store.put(it)
			steps = append(steps, step{it.seq, time.Now(), time.Now()})
		}
	}
	v.frontier.steps = nil
	for _, s := range steps {
		v.frontier.given(s.upTo, s.seen)
	}
	v.frontier.advance(v.next)
	for {
		from, to := v.frontier.due(time.Now(), oldGapTime, v.next)
		if from == 0 {
			break
		}
		v.frontier.bury(to, v.next)
	}
	if !v.synced { // another process may have told of all of it
		v.want = max(v.want, v.frontier.top())
	}
	v.synced = true
	v.notify()
}

// opened notes that there is a watch; again, after one that had ended: what came meanwhile is told from now on.
func (v *view) opened(again bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.up, v.err = true, nil
	if again {
		v.frontier.restart(time.Now())
	}
	v.notify()
}

// closed notes that there is no watch, or no list, and why.
func (v *view) closed(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.up = false
	if err != nil {
		v.err = err
		v.failed++
	}
	v.notify()
}

// due gives the numbers to be declared dead now; without any, when to ask again at the latest.
func (v *view) due() (from, to uint64, again time.Time, changed <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	if !v.up {
		return 0, 0, now.Add(gapTime), v.changed
	}
	if from, to = v.frontier.due(now, gapTime, v.next); from != 0 {
		return from, to, now, v.changed
	}
	again, waiting := v.frontier.waiting()
	if !waiting {
		again = now.Add(gapTime)
	}
	return 0, 0, again, v.changed
}

// bury declares missing numbers dead.
func (v *view) bury(from, to uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if from != v.frontier.front+1 {
		return // the first of them has come
	}
	if n := v.next(v.frontier.front); n != 0 {
		to = min(to, n-1)
	}
	v.frontier.bury(to, v.next)
	v.notify()
}

// postpone has missing numbers waited for as long again.
func (v *view) postpone() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.frontier.restart(time.Now())
}
