package kube

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// watchBackoff is how long the watch of pods waits between attempts. client-go's own goes up to a minute, which would leave the hub blind for as long after
// a short outage of the API server. After a long one there are two pauses, before the watch that has expired and before the list: under 4 s with the jitter.
var watchBackoff = wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 6, Cap: 1200 * time.Millisecond}

// pods holds the agents' pods of a namespace, as a watch tells of them.
type pods struct {
	mu      sync.Mutex
	byName  map[string]*corev1.Pod
	synced  bool
	err     error                   // why there is no list, or no watch, at the moment
	failed  int                     // how often listing or watching has failed
	graves  map[types.UID]time.Time // pods that are gone, and since when: the watch may be late
	changed chan struct{}           // closed at the next change
}

func newPods() *pods {
	return &pods{byName: map[string]*corev1.Pod{}, graves: map[types.UID]time.Time{}, changed: make(chan struct{})}
}

// watch keeps the pods up to date until ctx ends: listed in pages, then watched, and listed again when the watch can't go on from where it was.
func (p *pods) watch(ctx context.Context, client typedcorev1.PodInterface, log *slog.Logger) {
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = labelApp + "=" + agentApp
			list, err := client.List(ctx, o)
			p.note(err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = labelApp + "=" + agentApp
			w, err := client.Watch(ctx, o)
			if o.SendInitialEvents == nil || !apierrors.IsInvalid(err) { // of a server that can't begin a watch with a list, one is asked for next
				p.note(err)
			}
			return w, err
		},
	}
	logger := logr.FromSlogHandler(log.Handler())
	r := cache.NewReflectorWithOptions(source, &corev1.Pod{}, p, cache.ReflectorOptions{Logger: &logger, Name: "pods", Backoff: &watchBackoff})
	r.RunWithContext(klog.NewContext(ctx, logger))
}

// note remembers whether the API server answers.
func (p *pods) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
	if err != nil {
		p.failed++
		p.notify()
	}
}

// notify wakes whoever waits for a change. The caller holds mu.
func (p *pods) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// get gives a pod, and a channel that closes at the next change of any.
func (p *pods) get(name string) (*corev1.Pod, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byName[name], p.changed
}

// list waits for the first list, at most until an attempt at it has failed, and gives the pods.
func (p *pods) list(ctx context.Context) ([]*corev1.Pod, error) {
	p.mu.Lock()
	failed := p.failed
	p.mu.Unlock()
	for {
		p.mu.Lock()
		all := make([]*corev1.Pod, 0, len(p.byName))
		for _, pod := range p.byName {
			all = append(all, pod)
		}
		synced, err, again, changed := p.synced, p.err, p.failed > failed, p.changed
		p.mu.Unlock()
		switch {
		case synced:
			return all, nil
		case again && err != nil: // without one, the next attempt has got through and its list is on the way
			return nil, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if err == nil {
				err = context.Cause(ctx)
			}
			return nil, err
		}
	}
}

// put takes a pod as it was just made, read or changed, so that what this process did is seen before the watch tells of it. What is known to be newer, or
// gone, stays so.
func (p *pods) put(pod *corev1.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, gone := p.graves[pod.UID]; !gone && !older(pod, p.byName[pod.Name]) {
		p.byName[pod.Name] = trim(pod)
	}
	p.notify()
}

// older says whether a pod is an earlier state of the known one.
func older(pod, known *corev1.Pod) bool {
	if known == nil || known.UID != pod.UID {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(pod.ResourceVersion, known.ResourceVersion)
	return err == nil && order < 0
}

// graveTime is how long a pod that is gone is remembered: longer than any answer is late.
const graveTime = 10 * time.Minute

// bury forgets a pod that is gone, whatever the watch, or a late answer, says of it from now on.
func (p *pods) bury(name string, uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for old, at := range p.graves {
		if time.Since(at) > graveTime {
			delete(p.graves, old)
		}
	}
	p.graves[uid] = time.Now()
	if known := p.byName[name]; known != nil && known.UID == uid {
		delete(p.byName, name)
	}
	p.notify()
}

// buried says whether a pod is gone for good.
func (p *pods) buried(uid types.UID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, is := p.graves[uid]
	return is
}

// trim leaves out what is large and not needed.
func trim(pod *corev1.Pod) *corev1.Pod {
	pod.ManagedFields = nil
	pod.Spec.Volumes = nil
	for i := range pod.Spec.Containers {
		pod.Spec.Containers[i] = corev1.Container{Name: pod.Spec.Containers[i].Name, Image: pod.Spec.Containers[i].Image}
	}
	return pod
}

// The rest makes it a store of the reflector's.

// Add takes a pod that has come.
func (p *pods) Add(object any) error { return p.Update(object) }

// Update takes a pod's new state.
func (p *pods) Update(object any) error {
	p.put(object.(*corev1.Pod))
	return nil
}

// Delete takes a pod's end.
func (p *pods) Delete(object any) error {
	if pod, ok := object.(*corev1.Pod); ok {
		p.bury(pod.Name, pod.UID)
	}
	return nil
}

// Replace takes a list of all pods, as of a version. A pod that it lacks is gone, unless this process made or read it since.
func (p *pods) Replace(objects []any, version string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.byName
	p.byName = make(map[string]*corev1.Pod, len(objects))
	for _, object := range objects {
		pod := trim(object.(*corev1.Pod))
		if _, gone := p.graves[pod.UID]; !gone {
			p.byName[pod.Name] = pod
		}
	}
	for name, pod := range was {
		if now := p.byName[name]; now != nil && now.UID == pod.UID {
			continue
		}
		switch order, err := resourceversion.CompareResourceVersion(pod.ResourceVersion, version); {
		case err != nil: // nothing can be said of it
		case order > 0:
			p.byName[name] = pod
		default:
			p.graves[pod.UID] = time.Now()
		}
	}
	p.synced = true
	p.notify()
	return nil
}

// Resync does nothing: the pods are all there is.
func (p *pods) Resync() error { return nil }
