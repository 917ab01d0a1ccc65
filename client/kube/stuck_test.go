package kube

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/agentd/wire"
)

// told is an event of the kubelet, with the first and the last second it was told in.
func told(reason, message string, first, last int64) corev1.Event {
	kind := corev1.EventTypeNormal
	if strings.HasPrefix(reason, "Failed") {
		kind = corev1.EventTypeWarning
	}
	return corev1.Event{
		Type: kind, Reason: reason, Message: message, FirstTimestamp: metav1.Time{Time: time.Unix(first, 0)}, LastTimestamp: metav1.Time{Time: time.Unix(last, 0)},
	}
}

func TestWhatKeepsANodeFromMakingContainers(t *testing.T) {
	t.Parallel()
	const mount, sandbox = "a volume can't be mounted", "its sandbox can't be made"
	volume := func(why string) string { return `MountVolume.SetUp failed for volume "keys" : ` + why }
	missing := volume(`secret "agentd-keys" not found`)
	other := volume(`secret "of-a-webhook" not found`)
	for name, test := range map[string]struct {
		events   []corev1.Event
		what     string
		patience time.Duration
		code     wire.Code
	}{
		"nothing that is known":                   {},
		"nothing":                                 {events: []corev1.Event{told("Scheduled", "assigned", 1, 1), told("Pulling", "image", 2, 2)}},
		"a Secret that isn't there":               {[]corev1.Event{told("FailedMount", other, 1, 9)}, mount, missingTime, wire.CodeFailed},
		"the Secret of keys that isn't there":     {[]corev1.Event{told("FailedMount", missing, 1, 9)}, mount, missingTime, wire.CodeUnavailable},
		"the Secret of keys, and another":         {[]corev1.Event{told("FailedMount", missing+", "+other, 1, 9)}, mount, missingTime, wire.CodeFailed},
		"a Secret whose name begins as the keys'": {[]corev1.Event{told("FailedMount", volume(`secret "agentd-keys-2" not found`), 1, 9)}, mount, missingTime, wire.CodeFailed},
		"a Secret without the key": {
			[]corev1.Event{told("FailedMount", volume("references non-existent secret key: public.pem"), 1, 9)}, mount, missingTime, wire.CodeFailed,
		},
		"a ConfigMap that isn't there": {[]corev1.Event{told("FailedMount", volume(`configmap "istio-ca-root-cert" not found`), 1, 9)}, mount, stuckTime, wire.CodeUnavailable},
		"a ConfigMap without the key":  {[]corev1.Event{told("FailedMount", volume("references non-existent config key: x"), 1, 9)}, mount, missingTime, wire.CodeFailed},
		"a driver that has not registered yet": {
			[]corev1.Event{told("FailedMount", volume("driver name d not found in the list of registered CSI drivers"), 1, 9)}, mount, stuckTime, wire.CodeUnavailable,
		},
		"a kubelet that can't reach the API server": {
			[]corev1.Event{told("FailedMount", volume("failed to sync secret cache: timed out waiting for the condition"), 1, 9)}, mount, stuckTime, wire.CodeUnavailable,
		},
		"a kubelet that has just heard of the pod": {[]corev1.Event{told("FailedMount", volume(`object "gc"/"agentd-keys" not registered`), 1, 2)}, mount, onceTime, wire.CodeUnavailable},
		"what was so for a moment, in other words then": {
			[]corev1.Event{told("FailedMount", volume(`object "gc"/"agentd-keys" not registered`), 1, 2), told("FailedMount", missing, 3, 9)}, mount, missingTime, wire.CodeUnavailable,
		},
		"a mount that came right":                    {events: []corev1.Event{told("FailedMount", missing, 1, 9), told("Pulled", "image", 10, 10)}},
		"a mount that came right in the same second": {events: []corev1.Event{told("FailedMount", missing, 1, 9), told("Pulled", "image", 9, 9)}},
		"a network without addresses": {
			[]corev1.Event{told(noSandbox, `sandbox "a": no IP addresses available`, 1, 1), told(noSandbox, `sandbox "b": no IP addresses available`, 12, 12)}, sandbox, stuckTime, wire.CodeUnavailable,
		},
		"a network that was not ready once": {[]corev1.Event{told(noSandbox, "cni plugin not initialized", 4, 4)}, sandbox, onceTime, wire.CodeUnavailable},
		"a sandbox after a mount":           {[]corev1.Event{told("FailedMount", missing, 1, 2), told(noSandbox, "no", 9, 9)}, sandbox, onceTime, wire.CodeUnavailable},
		"an image, of which the pod tells":  {events: []corev1.Event{told("Failed", "Error: ErrImagePull", 1, 9)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := stuck(test.events)
			if got.what != test.what || got.patience != test.patience || got.code != test.code {
				t.Errorf("got  %+v\nwant %q, patience %v, code %q", got, test.what, test.patience, test.code)
			}
		})
	}
}

// repeated is an event that the kubelet tells again after some pauses, as far as it has come by now.
func repeated(began time.Time, reason, message string, at ...time.Duration) []corev1.Event {
	var events []corev1.Event
	for _, d := range at {
		switch when := (metav1.Time{Time: began.Add(d)}); {
		case when.After(time.Now()):
		case len(events) == 0:
			events = append(events, corev1.Event{Type: corev1.EventTypeWarning, Reason: reason, Message: message, FirstTimestamp: when, LastTimestamp: when})
		default:
			events[0].LastTimestamp = when
		}
	}
	return events
}

// sandboxes are attempts at a pod's sandbox that failed at some times.
func sandboxes(at ...time.Duration) func(began time.Time) []corev1.Event {
	return func(began time.Time) []corev1.Event {
		var events []corev1.Event
		for _, d := range at {
			events = append(events, repeated(began, noSandbox, "no addresses", d)...)
		}
		return events
	}
}

func TestAPodIsGivenUpWhenItsNodeCannotMakeItsContainers(t *testing.T) {
	t.Parallel()
	const missing = `MountVolume.SetUp failed for volume "keys" : secret "agentd-keys" not found`
	const noKey = `MountVolume.SetUp failed for volume "keys" : references non-existent secret key: public.pem`
	mounts := []time.Duration{0, 500 * time.Millisecond, 1500 * time.Millisecond, 3500 * time.Millisecond, 7500 * time.Millisecond, 15500 * time.Millisecond, 31500 * time.Millisecond}
	for name, test := range map[string]struct {
		events       func(began time.Time) []corev1.Event
		runs         time.Duration // when the pod comes up after all; 0: never
		first, after time.Duration // when it is given up, between them; 0: never
		code         wire.Code
		text         string
	}{
		"a Secret that isn't there": {
			events: func(began time.Time) []corev1.Event { return repeated(began, "FailedMount", missing, mounts...) },
			first:  missingTime, after: missingTime + stepTime, code: wire.CodeUnavailable, text: `pod "p": a volume can't be mounted: FailedMount: ` + missing,
		},
		"a Secret without the key": {
			events: func(began time.Time) []corev1.Event { return repeated(began, "FailedMount", noKey, mounts...) },
			first:  missingTime, after: missingTime + stepTime, code: wire.CodeFailed, text: `pod "p": a volume can't be mounted: FailedMount: ` + noKey,
		},
		"a Secret that comes just in time": {
			events: func(began time.Time) []corev1.Event {
				events := repeated(began, "FailedMount", missing, mounts[:5]...)
				return append(events, repeated(began, "Pulled", "image", missingTime+stepTime-time.Second)...)
			},
			runs: time.Minute,
		},
		"a moment in which the kubelet's caches were late, and a slow node": {
			events: func(began time.Time) []corev1.Event {
				return repeated(began, "FailedMount", "not registered", mounts[:2]...)
			},
			runs: 50 * time.Second,
		},
		"a network without addresses": {
			events: sandboxes(3*time.Second, 14*time.Second, 25*time.Second, 37*time.Second),
			// From when it was noticed first.
			first: 43 * time.Second, after: 47 * time.Second, code: wire.CodeUnavailable, text: `pod "p": its sandbox can't be made: FailedCreatePodSandBox: no addresses`,
		},
		"a network that takes half a minute on a node that has just come": {
			events: sandboxes(3*time.Second, 14*time.Second, 25*time.Second), runs: 36 * time.Second,
		},
		"a volume that is attached after half a minute": {
			events: func(began time.Time) []corev1.Event {
				return repeated(began, "FailedMount", "not attached yet", mounts...)
			},
			runs: 36 * time.Second,
		},
		"a volume that is never attached": {
			events: func(began time.Time) []corev1.Event {
				return repeated(began, "FailedMount", "not attached yet", mounts...)
			},
			first: stuckTime, after: stuckTime + stepTime, code: wire.CodeUnavailable, text: `pod "p": a volume can't be mounted: FailedMount: not attached yet`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				b := newBackend(t, api(func(r *http.Request, _ []byte) (int, any) {
					if strings.HasSuffix(r.URL.Path, "/events") {
						return http.StatusOK, corev1.EventList{Items: test.events(began)}
					}
					return refusal(http.StatusNotFound, metav1.StatusReasonNotFound, `"p" not found`)
				}))
				become := func(version string, status corev1.ContainerStatus) *corev1.Pod {
					pod := agentIs(status)
					pod.Name, pod.Namespace, pod.UID, pod.ResourceVersion, pod.Spec.NodeName = "p", "gc", "1", version, "n"
					b.pods.put(pod)
					return pod
				}
				e := b.endpoint(become("1", waiting("agent", "ContainerCreating", "")))
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				if test.runs > 0 {
					time.AfterFunc(test.runs, func() {
						become("2", corev1.ContainerStatus{Name: "agent", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}})
					})
				}
				err, took := e.Doomed(ctx, func(string) {}), time.Since(began)
				if test.after == 0 {
					if err != nil {
						t.Errorf("after %v: %v", took, err)
					}
					return
				}
				if took < test.first || took > test.after {
					t.Errorf("given up after %v, want %v to %v", took, test.first, test.after)
				}
				if wire.CodeOf(err) != test.code || err == nil || err.Error() != test.text {
					t.Errorf("got  %v, of code %q\nwant %s, of code %q", err, wire.CodeOf(err), test.text, test.code)
				}
			})
		})
	}
}
