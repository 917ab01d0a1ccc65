package kube

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// forcedGrace is what a pod that must end gets from the kubelet, in seconds, before its processes are killed.
	forcedGrace = 2
	// forcedTime is how long a pod may take to be gone after that. Past it the API forgets the pod: its node does not answer, or its processes can't be
	// killed, and nobody is to wait for either.
	forcedTime = 3500 * time.Millisecond
)

// Remove deletes the pod.
func (e *endpoint) Remove(ctx context.Context, dead bool) error {
	e.endMaking()
	pod, err := e.current(ctx)
	if pod == nil || err != nil {
		return err
	}
	if dead || ended(pod) {
		return e.delete(ctx, 0) // nothing runs in it, so nothing is cut off
	}
	if err := e.delete(ctx, forcedGrace); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, forcedTime)
	defer cancel()
	for {
		pod, changed := e.watched()
		if pod == nil {
			return nil
		}
		if e.await(wait, pod, changed, forcedTime); wait.Err() != nil {
			return e.delete(ctx, 0)
		}
	}
}

// delete asks for the pod's end within grace seconds; with 0 it is gone at once, whatever its node does.
func (e *endpoint) delete(ctx context.Context, grace int64) error {
	call, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	err := e.backend.client.core.Pods(e.backend.target.Namespace).Delete(call, e.name, metav1.DeleteOptions{
		GracePeriodSeconds: &grace, Preconditions: &metav1.Preconditions{UID: &e.uid},
	})
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err): // gone, or another pod has the name
		e.forget()
	case err != nil:
		return e.backend.explain(fmt.Sprintf("delete pod %q", e.name), err)
	case grace == 0:
		e.forget()
	}
	return nil
}

// forget hides the pod from this process: the watch may be late to tell that it is gone.
func (e *endpoint) forget() {
	e.backend.pods.bury(e.name, e.uid)
	e.backend.mu.Lock()
	defer e.backend.mu.Unlock()
	delete(e.backend.endpoints, e.uid)
}
