package kube

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// stepTime is how long a container may be in the making before it is asked what takes so long, and how often it is asked again.
const stepTime = 2 * time.Second

// step says what a pod that comes up waits for. moves is true while that may change without a change of the pod.
func (e *endpoint) step(ctx context.Context, pod *corev1.Pod, since time.Duration) (step string, moves bool) {
	switch {
	case pod.Spec.NodeName == "":
		return "waiting for a node", false
	case !comingUp(pod, agentStatus(pod)):
		return "waiting for agentd", false
	case since < stepTime:
		return "waiting for the container", true
	}
	if pulling := e.pulling(ctx); pulling != "" {
		return pulling, true
	}
	return "waiting for the container", true
}

// pulling gives the words of the kubelet's event that it pulls an image, unless it has done so. Nothing in the pod tells of it.
func (e *endpoint) pulling(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, whyTime)
	defer cancel()
	list, err := e.backend.client.CoreV1().Events(e.backend.target.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: "involvedObject.uid=" + string(e.uid), Limit: 500,
	})
	if err != nil {
		return "" // it would only have said more
	}
	return pullingOf(list.Items)
}

func pullingOf(events []corev1.Event) string {
	var last corev1.Event
	for _, event := range events {
		if (event.Reason == "Pulling" || event.Reason == "Pulled" || event.Reason == "Failed") && !seen(event).Before(seen(last)) {
			last = event
		}
	}
	if last.Reason != "Pulling" {
		return ""
	}
	return lowerFirst(oneLine(last.Message))
}

func lowerFirst(text string) string {
	if text == "" {
		return ""
	}
	return string(text[0]|0x20) + text[1:]
}
