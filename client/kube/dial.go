package kube

import (
	"context"
	"fmt"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/gascity/agentd/agentd/wire"
)

const (
	// firstKnock and lastKnock bound the pauses between dials to a pod that is coming up. The API server learns that a container runs up to a
	// second after it does, so agentd is found sooner by knocking.
	firstKnock = 40 * time.Millisecond
	lastKnock  = 500 * time.Millisecond
)

// Dial opens a connection to agentd's port on the pod's loopback. While the pod comes up it knocks until agentd answers, or ctx ends.
func (e *endpoint) Dial(ctx context.Context) (net.Conn, error) {
	pause := firstKnock
	for {
		pod, changed := e.watched()
		if pod == nil {
			return nil, wire.Errorf(wire.CodeUnavailable, "pod %q is gone", e.name)
		}
		var err error
		if pod.Spec.NodeName == "" {
			err = wire.Errorf(wire.CodeUnavailable, "pod %q has no node yet", e.name)
		} else {
			var conn net.Conn
			if conn, err = e.backend.forward(ctx, e.name); err == nil {
				return conn, nil
			}
			if agent := agentStatus(pod); !comingUp(pod, agent) {
				return nil, err
			}
		}
		switch timeUp := e.await(ctx, pod, changed, pause); {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		case timeUp:
			pause = min(pause*3/2, lastKnock)
		}
		// Otherwise it has a node now, perhaps, or runs.
	}
}

// agentStatus is the status of the container that agentd runs in, nil before it has one.
func agentStatus(pod *corev1.Pod) *corev1.ContainerStatus {
	for i := range pod.Status.ContainerStatuses {
		if status := &pod.Status.ContainerStatuses[i]; status.Name == agentContainer {
			return status
		}
	}
	return nil
}

// comingUp says that the pod's container has neither started nor ended, as far as is known.
func comingUp(pod *corev1.Pod, agent *corev1.ContainerStatus) bool {
	return !ended(pod) && (agent == nil || agent.State.Waiting != nil)
}

// ended says that nothing in the pod runs any more.
func ended(pod *corev1.Pod) bool {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return true
	}
	agent := agentStatus(pod)
	return agent != nil && agent.State.Terminated != nil
}
