package kube

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/gascity/agentd/agentd/wire"
)

const (
	// stuckTime is how long a node may fail to prepare a pod for its containers. It tries again by itself: a mount ever more seldom, after half a second at first;
	// a sandbox about every ten seconds. The pod network of a node that has just come, a network interface, a volume or its driver may take half a minute to be there.
	stuckTime = 40 * time.Second
	// missingTime is how long that may go on for want of something that most likely nobody is about to make.
	missingTime = 10 * time.Second
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
	switch {
	case neverMounts(last.Message):
		t.patience, t.code = missingTime, wire.CodeFailed
	case slices.Contains(missingSecrets(last.Message), keysSecret):
		t.patience = missingTime // the next start makes it, and this one most likely doesn't any more
	}
	if seen(last).Sub(first) < againTime {
		t.patience = onceTime
	}
	return t
}

// neverMounts recognises what the kubelet says of a volume that no trying again mounts, as somebody has to make first what it is made from. A ConfigMap that isn't
// there is not among it: those that pods are given unasked, of certificates most often, controllers make by themselves in every namespace. Nor is the Secret of keys,
// which the next start makes.
func neverMounts(message string) bool {
	for _, words := range []string{"references non-existent secret key", "references non-existent config key"} {
		if strings.Contains(message, words) {
			return true
		}
	}
	return slices.ContainsFunc(missingSecrets(message), func(name string) bool { return name != keysSecret })
}

// missingSecrets names the Secrets that aren't there, as the kubelet says.
func missingSecrets(message string) []string {
	var names []string
	for {
		_, rest, found := strings.Cut(message, `secret "`)
		if !found {
			return names
		}
		name, rest, _ := strings.Cut(rest, `"`)
		if strings.HasPrefix(rest, " not found") {
			names = append(names, name)
		}
		message = rest
	}
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
