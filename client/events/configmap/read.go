package configmap

import (
	"context"
	"slices"
	"time"

	"github.com/gascity/agentd/client/events"
)

// remakeTime is how long a reader waits for a watch to be made anew before it is told that the API server can't be reached.
const remakeTime = 2 * time.Second

// List gives the events that meet the filter.
func (l *Log) List(ctx context.Context, f events.Filter, limit int) ([]events.Event, error) {
	if err := l.settled(ctx, remakeTime); err != nil {
		return nil, l.explain("list the events", err)
	}
	v := l.view
	v.mu.Lock()
	defer v.mu.Unlock()
	var found []events.Event
	for _, it := range slices.Backward(v.settled(f.AfterSeq)) {
		if limit > 0 && len(found) == limit {
			break
		}
		if !it.odd && f.Match(it.event) {
			found = append(found, it.event)
		}
	}
	slices.Reverse(found)
	return found, nil
}

// settled gives the stored events after a number that readers may be told of. The caller holds mu.
func (v *view) settled(after uint64) []*item {
	items := v.store.after(after)
	end := len(items)
	for end > 0 && items[end-1].seq > v.frontier.front {
		end--
	}
	return items[:end]
}

// Latest gives the number up to which everything is settled.
func (l *Log) Latest(ctx context.Context) (uint64, error) {
	if err := l.settled(ctx, remakeTime); err != nil {
		return 0, l.explain("read the latest number", err)
	}
	l.view.mu.Lock()
	defer l.view.mu.Unlock()
	return l.view.frontier.front, nil
}

// settled waits until readers can be told of all that this process has acknowledged before. It fails when the API server can't be reached for so long.
func (l *Log) settled(ctx context.Context, patience time.Duration) error {
	l.read()
	v := l.view
	v.mu.Lock()
	want, failed := v.want, v.failed
	v.mu.Unlock()
	first := true
	return v.until(ctx, patience, failed, func() bool {
		if first && v.synced { // the list has said what others may have been told
			first, want = false, max(want, v.want)
		}
		return v.synced && v.up && v.frontier.front >= want
	})
}

// until waits until something holds. It fails if there is no watch for so long; and at once if the first list was refused, after that many failures.
func (v *view) until(ctx context.Context, patience time.Duration, failed int, holds func() bool) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	over := false
	for {
		v.mu.Lock()
		done, err, up, synced, again, changed := holds(), v.err, v.up, v.synced, v.failed > failed, v.changed
		v.mu.Unlock()
		switch {
		case done:
			return nil
		case !up && err != nil && (over || again && !synced && !outage(err)):
			return err
		}
		select {
		case <-timer.C:
			over = true
		case <-changed:
		case <-ctx.Done():
			if !up && err != nil {
				return err
			}
			return context.Cause(ctx)
		}
	}
}

// Watch tells of the events after a number, and then of what comes. While the API server can't be reached it waits, unless it has never been.
func (l *Log) Watch(ctx context.Context, after uint64, each func(events.Event) error) error {
	l.read()
	v := l.view
	v.mu.Lock()
	r := reader{view: v, after: after, at: after, late: len(v.late)}
	failed := v.failed
	v.mu.Unlock()
	if err := v.until(ctx, patience, failed, func() bool { return v.synced }); err != nil {
		return l.explain("watch the events", err)
	}
	for {
		batch, changed := r.next()
		for _, e := range batch {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := each(e); err != nil {
				return err
			}
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.ctx.Done():
			return l.ctx.Err()
		}
	}
}

// reader is where a watch is in the log.
type reader struct {
	view  *view
	after uint64 // nothing up to it was asked for
	at    uint64 // all settled up to it was told
	late  int    // how many of the late ones were looked at
}

// maxBatch bounds how many events are taken out at once.
const maxBatch = 256

// next gives the next events; when there are none, changed closes when there may be some.
func (r *reader) next() (batch []events.Event, changed <-chan struct{}) {
	v := r.view
	v.mu.Lock()
	defer v.mu.Unlock()
	for ; r.late < len(v.late); r.late++ {
		seq := v.late[r.late]
		// One that is still ahead is met in its turn.
		if i, found := v.store.find(seq); found && seq > r.after && seq <= r.at && !v.store.items[i].odd {
			batch = append(batch, v.store.items[i].event)
		}
	}
	for _, it := range v.store.after(r.at) {
		if it.seq > v.frontier.front || len(batch) >= maxBatch {
			break
		}
		r.at = it.seq
		if !it.odd {
			batch = append(batch, it.event)
		}
	}
	if len(batch) == 0 {
		r.at = max(r.at, v.frontier.front)
	}
	return batch, v.changed
}
