package configmap

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/client/events"
)

const (
	// pageSize is how many events are listed at once at most, and pageBytes about how many bytes.
	pageSize  = 500
	pageBytes = 8 << 20
	// longestPause is that between two attempts to list or to watch.
	longestPause = time.Second
)

// follow keeps the copy in memory up to date until the log is closed: all is listed in pages, then watched, and listed again when the watch can't go on from
// where it was.
func (l *Log) follow() {
	for tries := 0; ; tries++ {
		version, err := l.list()
		if err == nil {
			tries, err = 0, l.watch(version)
		}
		l.view.closed(err)
		if l.ctx.Err() != nil {
			return
		}
		l.log.Debug("events are listed anew", "reason", err)
		pause(l.ctx, backoff(tries))
	}
}

// backoff is the pause after so many attempts that failed.
func backoff(tries int) time.Duration {
	return jitter(min(100*time.Millisecond<<min(tries, 6), longestPause))
}

// list reads all events, and gives the version that they are of.
func (l *Log) list() (string, error) {
	var began time.Time // when the first page had come
	var items []*item
	var counter *corev1.ConfigMap
	o := metav1.ListOptions{LabelSelector: selectAll, Limit: pageSize / 5}
	for {
		page, err := l.page(o)
		if err != nil {
			return "", err
		}
		if began.IsZero() {
			began = time.Now()
		}
		bytes := 1
		for i := range page.Items {
			cm := &page.Items[i]
			if cm.Name == counterName {
				counter = cm.DeepCopy()
			} else if it := l.item(cm); it != nil {
				items = append(items, it)
				bytes += len(it.event.JSON)
			}
		}
		if o.Continue = page.Continue; o.Continue == "" {
			o.ResourceVersion = page.ResourceVersion
			break
		}
		o.Limit = min(pageSize, max(5, int64(len(page.Items))*pageBytes/int64(bytes)))
	}
	if counter == nil { // it is missing, or its labels are
		var err error
		if counter, err = l.readCounter(); err != nil {
			return "", err
		}
	}
	// By their names they are sorted as long as numbers have ten digits.
	slices.SortFunc(items, func(a, b *item) int { return cmp.Compare(a.seq, b.seq) })
	l.view.replace(items, parseVersion(o.ResourceVersion), l.steps(items, counter, began))
	return o.ResourceVersion, nil
}

// page reads a page of events.
func (l *Log) page(o metav1.ListOptions) (*corev1.ConfigMapList, error) {
	ctx, cancel := context.WithTimeout(l.ctx, 2*requestTime)
	defer cancel()
	return l.maps.List(ctx, o)
}

// readCounter gives the counter, nil if there is none.
func (l *Log) readCounter() (*corev1.ConfigMap, error) {
	ctx, cancel := context.WithTimeout(l.ctx, requestTime)
	defer cancel()
	cm, err := l.maps.Get(ctx, counterName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return cm, err
}

// steps says since when which numbers had been given out, by what was listed. A number was given out before all higher ones, so the oldest of them says.
// What is missing was so when the list began, as all its pages are of that time: so its age then counts.
func (l *Log) steps(items []*item, counter *corev1.ConfigMap, began time.Time) []step {
	now := time.Now()
	took := now.Sub(began)
	var steps []step
	var age time.Duration
	add := func(seq uint64, stamp time.Time) {
		age = max(age, l.clock.age(stamp)-took)
		steps = append(steps, step{seq, now.Add(-age), now.Add(-age)})
	}
	if counter != nil {
		if seq, valid := counterSeq(counter); valid && (len(items) == 0 || seq >= items[len(items)-1].seq) {
			add(seq, changed(counter))
		}
	}
	for _, it := range slices.Backward(items) {
		add(it.seq, it.created)
	}
	slices.Reverse(steps)
	return steps
}

// changed is when a ConfigMap was changed last, by the server's clock.
func changed(cm *corev1.ConfigMap) time.Time {
	last := cm.CreationTimestamp.Time
	for _, f := range cm.ManagedFields {
		if f.Time != nil && f.Time.After(last) {
			last = f.Time.Time
		}
	}
	return last
}

// item reads an event's ConfigMap, nil when its name has no number. The ConfigMap isn't kept.
func (l *Log) item(cm *corev1.ConfigMap) *item {
	seq, is := eventSeq(cm.Name)
	if !is {
		return nil
	}
	it := &item{seq: seq, created: cm.CreationTimestamp.Time, version: parseVersion(cm.ResourceVersion)}
	stored := []byte(cm.Data[eventKey])
	e, err := events.Parse(stored)
	if err == nil && e.Seq != seq { // the name is what the log goes by
		e, err = events.Parse(events.Number(e.JSON, seq))
	}
	if err != nil {
		l.log.Warn("a ConfigMap holds no event", "name", cm.Name, "error", err)
		it.odd = true
		return it
	}
	it.event = e
	return it
}

// parseVersion reads a resource version, 0 if it is no number.
func parseVersion(text string) uint64 {
	version, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return version
}

// stored takes an event that was just stored: the watch will tell of it later.
func (l *Log) stored(cm *corev1.ConfigMap) {
	select {
	case <-l.copied:
		if it := l.item(cm); it != nil {
			l.view.put(it)
		}
	default: // there is no copy
	}
}
