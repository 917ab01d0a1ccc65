package configmap

import (
	"cmp"
	"context"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/client/events"
)

// pruneEvery is the pause between two deletions: the API server has other work.
const pruneEvery = 20 * time.Millisecond

// Prune deletes old events, the oldest first. Several may prune at once.
func (l *Log) Prune(ctx context.Context, p events.Prune) (int, error) {
	deleted, err := l.prune(ctx, p)
	if err != nil {
		return deleted, l.explain("prune the events", err)
	}
	return deleted, nil
}

func (l *Log) prune(ctx context.Context, p events.Prune) (deleted int, err error) {
	all, err := l.names(ctx)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	// What is deleted must not be forgotten by the counter.
	if err := l.counter.atLeast(ctx, all[len(all)-1].seq); err != nil {
		return 0, err
	}
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for _, n := range all[:max(0, len(all)-max(0, p.Keep))] {
		if l.clock.age(n.created) < p.OlderThan {
			continue
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return deleted, context.Cause(ctx)
		}
		done, err := l.remove(ctx, n.seq)
		if err != nil {
			return deleted, err
		}
		if done {
			deleted++
		}
		if p.Deleted != nil && done && deleted%50 == 0 {
			p.Deleted(deleted)
		}
	}
	return deleted, nil
}

// remove deletes an event, and tells whether it was there.
func (l *Log) remove(ctx context.Context, seq uint64) (bool, error) {
	for tries := 0; ; tries++ {
		err := l.removeOnce(ctx, seq)
		switch {
		case err == nil:
			return true, nil
		case apierrors.IsNotFound(err):
			return tries > 0, nil
		case !outage(err) || ctx.Err() != nil || tries == 10 || !pause(ctx, backoff(tries)):
			return false, err
		}
	}
}

func (l *Log) removeOnce(ctx context.Context, seq uint64) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	return l.maps.Delete(ctx, eventName(seq), metav1.DeleteOptions{})
}

// name is what is known of a stored event without reading it.
type name struct {
	seq     uint64
	created time.Time
}

// names lists what is stored, by number.
func (l *Log) names(ctx context.Context) ([]name, error) {
	var all []name
	o := metav1.ListOptions{LabelSelector: selectEvents, Limit: pageSize}
	for {
		more, err := l.pageOfNames(ctx, &o)
		if err != nil {
			return nil, err
		}
		if all = append(all, more...); o.Continue == "" {
			break
		}
	}
	slices.SortFunc(all, func(a, b name) int { return cmp.Compare(a.seq, b.seq) })
	return all, nil
}

// pageOfNames gives a page, and makes the options those of the next one.
func (l *Log) pageOfNames(ctx context.Context, o *metav1.ListOptions) ([]name, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*requestTime)
	defer cancel()
	page, err := l.meta.List(ctx, *o)
	if err != nil {
		return nil, err
	}
	o.Continue = page.Continue
	var names []name
	for i := range page.Items {
		if seq, is := eventSeq(page.Items[i].Name); is {
			names = append(names, name{seq, page.Items[i].CreationTimestamp.Time})
		}
	}
	return names, nil
}

// highest gives the highest number that is stored, or known to have been given out.
func (l *Log) highest(ctx context.Context) (uint64, error) {
	all, err := l.names(ctx)
	if err != nil {
		return 0, err
	}
	l.view.mu.Lock()
	defer l.view.mu.Unlock()
	highest := max(l.view.want, l.view.frontier.top())
	if len(all) > 0 {
		highest = max(highest, all[len(all)-1].seq)
	}
	return highest, nil
}
