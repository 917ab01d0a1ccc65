package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/gascity/agentd/client/hub"
)

// endpoint is one session: one pod, by its UID.
type endpoint struct {
	backend *Backend
	name    string // the pod's
	uid     types.UID
	foreign bool
	record  hub.Record

	mu      sync.Mutex
	last    *corev1.Pod // as it was known last
	starter starter
	beating func() // ends the heartbeat of a start that this process makes; nil when it makes none
}

func newEndpoint(b *Backend, pod *corev1.Pod) *endpoint {
	return &endpoint{
		backend: b, name: pod.Name, uid: pod.UID, last: pod,
		foreign: pod.Labels[labelManaged] == "",
		record: hub.Record{
			Name: sessionName(pod), City: pod.Annotations[annotationCity], Key: pod.Annotations[annotationKey],
			Instance: string(pod.UID), Audience: audience(pod.Namespace, pod.Name, string(pod.UID)),
			Pod: pod.Name, Created: pod.CreationTimestamp.Time, WorkDir: pod.Annotations[annotationWorkDir], Encoding: b.encoding,
		},
	}
}

// audience is what tokens for a pod's agentd are bound to. The pod's own spec says the same, with the UID filled in by Kubernetes.
func audience(namespace, pod, uid string) string { return "kube/" + namespace + "/" + pod + "/" + uid }

// Record describes the session.
func (e *endpoint) Record() hub.Record {
	e.known() // which keeps last up to date
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.record
	r.Node = e.last.Spec.NodeName
	return r
}

// known gives the pod as the watch tells of it, nil when it tells of none.
func (e *endpoint) known() *corev1.Pod {
	pod, _ := e.watched()
	return pod
}

func (e *endpoint) watched() (*corev1.Pod, <-chan struct{}) {
	pod, changed := e.backend.pods.get(e.name)
	if pod == nil || pod.UID != e.uid {
		return nil, changed
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = pod
	return pod, changed
}

// await waits until the watch tells something new of the pod, given what watched gave; until the time is up, which it reports; or until ctx ends. What it tells of
// other pods, which may come and go in numbers, is none of the pod's business.
func (e *endpoint) await(ctx context.Context, was *corev1.Pod, changed <-chan struct{}, atMost time.Duration) (timeUp bool) {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	for {
		select {
		case <-changed:
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
		var pod *corev1.Pod
		if pod, changed = e.watched(); pod != was {
			return false
		}
	}
}

// current gives the pod, and asks the API server when the watch tells of none: nil when it is gone.
func (e *endpoint) current(ctx context.Context) (*corev1.Pod, error) {
	if pod := e.known(); pod != nil {
		return pod, nil
	}
	return e.read(ctx)
}

// read asks the API server for the pod: nil when it is gone.
func (e *endpoint) read(ctx context.Context) (*corev1.Pod, error) {
	pod, err := e.backend.getPod(ctx, e.name)
	if err != nil {
		return nil, e.backend.explain(fmt.Sprintf("look at pod %q", e.name), err)
	}
	if pod == nil || pod.UID != e.uid {
		return nil, nil
	}
	return pod, nil
}

// Terminating says that the pod has been told to end. One that was deleted by force is gone from the API at once, and its containers may answer for a while.
func (e *endpoint) Terminating() bool {
	pod := e.known()
	return pod != nil && pod.DeletionTimestamp != nil || pod == nil && e.backend.pods.buried(e.uid)
}

// Unlaunched says that this process makes the pod, or that it is not up and its start not complete. Phases are late by seconds, and by as long as a node is lost; and
// the watch may be late, so the API server is asked, but not for a pod of the script's, which notes no start and is looked at time and again.
func (e *endpoint) Unlaunched(ctx context.Context) bool {
	if e.isMaker() {
		return true
	}
	pod := e.known()
	if isPending(pod) && !e.foreign {
		pod, _ = e.read(ctx) // nil when it can't be known
	}
	return isPending(pod)
}

func isPending(pod *corev1.Pod) bool {
	return pod != nil && pod.Status.Phase == corev1.PodPending && pod.Annotations[annotationLaunched] == ""
}

// Inspect looks at the pod.
func (e *endpoint) Inspect(ctx context.Context) (hub.Condition, error) {
	pod, err := e.current(ctx)
	switch {
	case err != nil:
		return 0, err
	case pod == nil:
		return hub.Gone, nil
	case ended(pod):
		return hub.Ended, nil
	case e.foreign:
		return hub.Foreign, nil
	case pod.Annotations[annotationLaunched] != "" || e.isMaker():
		return hub.Reachable, nil
	case e.silent(pod):
		return e.abandoned(ctx)
	default:
		return hub.Making, nil
	}
}

// Revive can't be: what runs in a pod ends with its agentd.
func (e *endpoint) Revive(context.Context) error {
	return errors.New("a pod's agentd can't be started anew")
}

// annotate changes annotations; nil removes one. It touches no other pod that has taken the name.
func (e *endpoint) annotate(ctx context.Context, annotations map[string]*string) error {
	return e.patch(ctx, map[string]any{"uid": e.uid, "annotations": annotations})
}

// patch changes the pod's metadata. Those must say, by a UID or a version, that no other pod is meant that has taken the name.
func (e *endpoint) patch(ctx context.Context, metadata map[string]any) error {
	patch, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	pod, err := e.backend.client.core.Pods(e.backend.target.Namespace).Patch(ctx, e.name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err == nil {
		e.backend.pods.put(pod)
	}
	return err
}

// Launched notes that the start is complete.
func (e *endpoint) Launched(ctx context.Context) error {
	now := time.Now().UTC().Format(time.RFC3339)
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var err error
	// An agent that runs is not to be ended because the API server was away for a moment.
	_ = wait.ExponentialBackoffWithContext(ctx, noteBackoff, func(ctx context.Context) (bool, error) {
		err = e.annotate(ctx, map[string]*string{annotationLaunched: &now, annotationStarter: nil})
		return err == nil || !passing(err) && !unreachable(err), nil
	})
	if err != nil {
		return e.backend.explain(fmt.Sprintf("note on pod %q that its session was started", e.name), err)
	}
	e.endMaking()
	return nil
}

// noteBackoff is how often, and how far apart, what must be noted is tried: for some 6 s.
var noteBackoff = wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 6}
