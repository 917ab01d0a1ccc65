package configmap

import (
	"context"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// watchSeconds is how long a watch is asked for at least; at most it is twice that.
const watchSeconds = 300

// watch takes what changes from a version on, over as many watches as it needs, until that can't be told any more or the log is closed.
func (l *Log) watch(version string) error {
	again := false
	for tries := 0; ; tries++ {
		began := time.Now()
		err := l.watchOnce(&version, again)
		if l.ctx.Err() != nil || expired(err) {
			return err
		}
		l.view.closed(err)
		again = true
		if time.Since(began) > longestPause {
			tries = 0
			if err == nil {
				continue // it was its time
			}
		}
		pause(l.ctx, backoff(tries))
	}
}

// watchOnce takes what changes, until the watch ends, and moves the version on.
func (l *Log) watchOnce(version *string, again bool) error {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	// A watch has no time of its own to begin.
	begin := time.AfterFunc(2*requestTime, cancel)
	w, err := l.maps.Watch(ctx, metav1.ListOptions{
		LabelSelector: selectAll, ResourceVersion: *version, AllowWatchBookmarks: true, TimeoutSeconds: new(watchSeconds + rand.Int64N(watchSeconds)),
	})
	if !begin.Stop() && l.ctx.Err() == nil && err != nil {
		return context.DeadlineExceeded
	}
	if err != nil {
		return err
	}
	defer w.Stop()
	l.view.opened(again)
	for {
		select {
		case <-l.ctx.Done():
			return l.ctx.Err()
		case e, open := <-w.ResultChan():
			if !open {
				return nil
			}
			if e.Type == watch.Error {
				return apierrors.FromObject(e.Object)
			}
			cm, is := e.Object.(*corev1.ConfigMap)
			if !is {
				continue
			}
			l.take(e.Type, cm)
			*version = cm.ResourceVersion
		}
	}
}

// take takes one change.
func (l *Log) take(what watch.EventType, cm *corev1.ConfigMap) {
	if cm.Name == counterName {
		if seq, valid := counterSeq(cm); valid && what != watch.Deleted {
			l.view.given(seq)
		}
		return
	}
	switch what {
	case watch.Added, watch.Modified:
		if it := l.item(cm); it != nil {
			l.view.put(it)
		}
	case watch.Deleted:
		if seq, is := eventSeq(cm.Name); is {
			l.view.remove(seq)
		}
	}
}

// settle declares numbers dead when their time has come, until the log is closed.
func (l *Log) settle() {
	for l.ctx.Err() == nil {
		from, to, again, changed := l.view.due()
		if from != 0 {
			if err := l.confirm(from, to); err != nil {
				l.log.Debug("missing events can't be asked for", "from", from, "to", to, "error", err)
				l.view.postpone()
				continue
			}
			l.view.bury(from, to)
			continue
		}
		timer := time.NewTimer(max(time.Millisecond, time.Until(again)))
		select {
		case <-timer.C:
		case <-changed:
		case <-l.ctx.Done():
		}
		timer.Stop()
	}
}

// maxAsked is how many missing numbers are asked for one by one.
const maxAsked = 20

// confirm asks for missing events: the watch may be late.
func (l *Log) confirm(from, to uint64) error {
	if to-from >= maxAsked {
		return l.confirmAll(from, to)
	}
	for seq := from; seq <= to; seq++ {
		if err := l.fetch(seq); err != nil {
			return err
		}
	}
	return nil
}

// confirmAll is confirm for many numbers.
func (l *Log) confirmAll(from, to uint64) error {
	all, err := l.names(l.ctx)
	if err != nil {
		return err
	}
	for _, n := range all {
		if n.seq >= from && n.seq <= to {
			if err := l.fetch(n.seq); err != nil {
				return err
			}
		}
	}
	return nil
}

// fetch takes an event, if it is stored.
func (l *Log) fetch(seq uint64) error {
	ctx, cancel := context.WithTimeout(l.ctx, requestTime)
	defer cancel()
	cm, err := l.maps.Get(ctx, eventName(seq), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if it := l.item(cm); it != nil {
		l.view.put(it)
	}
	return nil
}
