package kube

import (
	"net/http"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestNothingWasLaunchedInAPodThatIsBeingMadeOrNeverCameUp(t *testing.T) {
	t.Parallel()
	const pending, running = corev1.PodPending, corev1.PodRunning
	for name, test := range map[string]struct {
		watch, server corev1.PodPhase // an empty one: no such pod, no answer
		made, script  bool
		launched      bool // as the server has it
		want          bool
		asked         int
	}{
		"it is pending":                         {watch: pending, server: pending, want: true, asked: 1},
		"it runs, and the watch is late":        {watch: pending, server: running, asked: 1},
		"it runs, and the kubelet is late":      {watch: pending, server: pending, launched: true, asked: 1},
		"it is pending, or so the watch has it": {watch: pending, asked: 1},
		"it runs":                               {watch: running},
		"it isn't known":                        {},
		"this process makes it":                 {watch: running, made: true, want: true},
		"it is the script's, and pending":       {watch: pending, script: true, want: true},
		"it is the script's, and runs":          {watch: running, script: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := func(phase corev1.PodPhase) *corev1.Pod {
				pod := podOf("s", "1")
				pod.Status.Phase = phase
				if !test.script {
					pod.Labels = map[string]string{labelManaged: "true"}
				}
				return pod
			}
			asked := 0
			b := newBackend(t, api(func(*http.Request, []byte) (int, any) {
				asked++
				if test.server == "" {
					return refusal(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "starting")
				}
				pod := in(test.server)
				if test.launched {
					pod.Annotations = map[string]string{annotationLaunched: "2026-01-01T00:00:00Z"}
				}
				return http.StatusOK, pod
			}))
			e := b.endpoint(in(test.watch))
			if test.watch != "" {
				b.pods.put(in(test.watch))
			}
			if test.made {
				e.beMaker()
				defer e.endMaking()
			}
			if got := e.Unlaunched(t.Context()); got != test.want || asked != test.asked {
				t.Errorf("got %t after asking %d times, want %t after %d", got, asked, test.want, test.asked)
			}
		})
	}
}

// An agent that runs is dear.
func TestAStartThatIsCompleteIsNotedThoughTheAPIServerIsAwayForAMoment(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		failures int
		reason   metav1.StatusReason
		code     int
		tries    int
		ok       bool
	}{
		"it answers":           {0, "", 0, 1, true},
		"it is away":           {2, metav1.StatusReasonInternalError, http.StatusInternalServerError, 3, true},
		"it stays away":        {99, metav1.StatusReasonInternalError, http.StatusInternalServerError, 6, false},
		"the pod is another's": {99, metav1.StatusReasonForbidden, http.StatusForbidden, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				b := newBackend(t, api(func(*http.Request, []byte) (int, any) {
					if tries++; tries <= test.failures {
						return refusal(test.code, test.reason, "no")
					}
					return http.StatusOK, podOf("s", "1")
				}))
				err := b.endpoint(podOf("s", "1")).Launched(t.Context())
				if (err == nil) != test.ok || tries != test.tries {
					t.Errorf("after %d tries: %v", tries, err)
				}
			})
		})
	}
}

// As when kubectl deletes it by force: its containers live on for a moment, and a link to agentd with them.
func TestAPodThatTheAPIHasForgottenWasToldToEnd(t *testing.T) {
	t.Parallel()
	b := newBackend(t, api(func(*http.Request, []byte) (int, any) {
		t.Error("the API server is asked")
		return refusal(http.StatusNotFound, metav1.StatusReasonNotFound, "gone")
	}))
	e := b.endpoint(podOf("s", "1"))
	if e.Terminating() {
		t.Error("it counts as told to end before the watch knows it")
	}
	b.pods.put(podOf("s", "1"))
	if e.Terminating() {
		t.Error("it counts as told to end while it lives")
	}
	if err := b.pods.Delete(podOf("s", "1")); err != nil || !e.Terminating() {
		t.Errorf("it does not count as told to end, %v", err)
	}
	b.pods.put(podOf("s", "2"))
	if !e.Terminating() || b.endpoint(podOf("s", "2")).Terminating() {
		t.Error("it is mixed up with the next of its name")
	}
}
