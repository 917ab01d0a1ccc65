package kube

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAnImageIsSaidToBePulledWhileItIs(t *testing.T) {
	t.Parallel()
	event := func(second int64, reason, message string) corev1.Event {
		return corev1.Event{Reason: reason, Message: message, LastTimestamp: metav1.Time{Time: time.Unix(second, 0)}}
	}
	scheduled, pulling := event(1, "Scheduled", "Successfully assigned"), event(2, "Pulling", `Pulling image "a:1"`)
	for name, test := range map[string]struct {
		events []corev1.Event
		want   string
	}{
		"nothing is known":       {},
		"it was just scheduled":  {events: []corev1.Event{scheduled}},
		"it is pulled":           {events: []corev1.Event{pulling, scheduled}, want: `pulling image "a:1"`},
		"it was pulled":          {events: []corev1.Event{pulling, event(3, "Pulled", "Successfully pulled")}},
		"it could not be pulled": {events: []corev1.Event{event(3, "Failed", "Failed to pull"), pulling}},
		"it is pulled again":     {events: []corev1.Event{event(3, "Failed", "Failed to pull"), event(4, "Pulling", `Pulling image "a:1"`)}, want: `pulling image "a:1"`},
	} {
		if got := pullingOf(test.events); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// A start says every few seconds that it goes on, which changes its pod.
func TestWhatAPodWaitsForIsAskedEverMoreSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		b := newBackend(t, api(func(*http.Request, []byte) (int, any) {
			asked++
			return http.StatusOK, corev1.EventList{Items: []corev1.Event{{Reason: "Pulling", Message: `Pulling image "a:1"`}}}
		}))
		pod := &corev1.Pod{Spec: corev1.PodSpec{NodeName: "n"}}
		s := steps{began: time.Now()}
		if step, next := s.step(t.Context(), b.endpoint(pod), pod); step != "waiting for the container" || time.Until(next) != stepTime {
			t.Errorf("at first: %q, again in %v", step, time.Until(next))
		}
		for range 100 {
			time.Sleep(time.Second)
			if step, _ := s.step(t.Context(), b.endpoint(pod), pod); time.Since(s.began) >= stepTime && step != `pulling image "a:1"` {
				t.Fatalf("after %v: %q", time.Since(s.began), step)
			}
		}
		if asked < 10 || asked > 20 {
			t.Errorf("asked %d times in 100 s", asked)
		}
	})
}
