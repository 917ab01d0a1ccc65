package kube

import (
	"testing"
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
