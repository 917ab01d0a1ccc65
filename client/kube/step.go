package kube

import (
	"cmp"
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/gascity/agentd/agentd/wire"
)

// stepTime is how long a container may be in the making before it is asked what takes so long, and how soon it is asked again at the earliest.
const stepTime = 2 * time.Second

// steps tell what a pod that comes up waits for.
type steps struct {
	began   time.Time
	next    time.Time // when it is to be asked again
	pulling string    // the last answer
	stuck   trouble   // the same: why its node makes no containers
}

// step says what the pod waits for, empty when it is agentd. next is when that may have changed without a change of the pod, zero for never.
func (s *steps) step(ctx context.Context, e *endpoint, pod *corev1.Pod) (step string, next time.Time) {
	switch {
	case pod.Spec.NodeName == "":
		return "waiting for a node", time.Time{}
	case !comingUp(pod, agentStatus(pod)):
		s.stuck = trouble{} // and was over before
		return "", time.Time{}
	}
	now := time.Now()
	if s.next.IsZero() {
		s.next = s.began.Add(stepTime)
	}
	if !now.Before(s.next) {
		s.pulling, s.stuck = e.noted(ctx)
		// Ever more seldom: it costs the API server a look at all of the namespace's events.
		s.next = now.Add(max(stepTime, now.Sub(s.began)/4))
	}
	return cmp.Or(s.pulling, "waiting for the container"), s.next
}

// askWithin has it asked again by the end of a time.
func (s *steps) askWithin(d time.Duration) {
	if at := time.Now().Add(d); at.Before(s.next) {
		s.next = at
	}
}

// noted gives what the kubelet's events tell of a pod that comes up, and nothing in the pod does.
func (e *endpoint) noted(ctx context.Context) (pulling string, held trouble) {
	ctx, cancel := context.WithTimeout(ctx, whyTime)
	defer cancel()
	events, err := e.events(ctx, "")
	if err != nil {
		return "", trouble{} // it would only have said more
	}
	return pullingOf(events), stuck(events)
}

// pullingOf gives the words of the kubelet's event that it pulls an image, unless it has done so.
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
	return lowerFirst(wire.OneLine(last.Message))
}

func lowerFirst(text string) string {
	if text == "" {
		return ""
	}
	return string(text[0]|0x20) + text[1:]
}
