package kube

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/gascity/agentd/agentd/wire"
)

const (
	// stuckTime is how long a node may fail to prepare a pod for its containers. It tries again by itself: a mount ever more seldom, after half a second at first;
	// a sandbox about every ten seconds.
	stuckTime = 10 * time.Second
	// againTime is what lies between the first and the last of a fault that lasts. What is over sooner is the kubelet's caches, which it waits for in that way.
	againTime = 5 * time.Second
	// onceTime is how long a pod may stay where it is after a fault that was not said again: most likely it is over, and what follows takes its time.
	onceTime = time.Minute
)

// preparing are the faults of a node that prepares a pod for its containers, by the reasons of the kubelet's events, in words. A pod's status tells of none of them: its containers
// are being created, for as long as it takes.
var preparing = map[string]string{
	"FailedMount": "a volume can't be mounted",
	noSandbox:     "its sandbox can't be made",
}

// stuck says, by a pod's events, what keeps its node from making its containers. That nothing does says as much as that it is over: what the kubelet does next has been
// noted since.
func stuck(events []corev1.Event) trouble {
	var past time.Time // when the node was past it
	for _, event := range events {
		switch event.Reason {
		case "Pulling", "Pulled", "Created", "Started", "Failed", "BackOff":
			past = later(past, seen(event))
		}
	}
	var last corev1.Event
	for _, event := range events {
		if preparing[event.Reason] != "" && seen(event).After(past) && !seen(event).Before(seen(last)) {
			last = event
		}
	}
	if last.Reason == "" {
		return trouble{}
	}
	first := seen(last)
	for _, event := range events {
		if at := firstSeen(event); event.Reason == last.Reason && seen(event).After(past) && at.Before(first) {
			first = at
		}
	}
	t := trouble{what: preparing[last.Reason], patience: stuckTime, code: wire.CodeUnavailable, noted: true}
	if seen(last).Sub(first) < againTime {
		t.patience = onceTime
	}
	if neverMounts(last.Message) {
		t.code = wire.CodeFailed
	}
	return t
}

// neverMounts recognises what the kubelet says of a volume that no trying again mounts, as somebody has to make first what it is made from. There is one
// thing of the kind that the cluster makes by itself, in every namespace.
func neverMounts(message string) bool {
	if strings.Contains(message, `configmap "kube-root-ca.crt" not found`) {
		return false
	}
	for _, what := range []string{`secret "`, `configmap "`} {
		if _, rest, ok := strings.Cut(message, what); ok && strings.Contains(rest, `" not found`) {
			return true
		}
	}
	return strings.Contains(message, "references non-existent secret key") || strings.Contains(message, "references non-existent config key")
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// firstSeen is when an event happened first.
func firstSeen(ev corev1.Event) time.Time {
	if !ev.FirstTimestamp.IsZero() {
		return ev.FirstTimestamp.Time
	}
	return ev.EventTime.Time
}
