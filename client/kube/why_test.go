package kube

import (
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestOfAPodsWarningsThoseAreToldThatSayMoreThanItsStatus(t *testing.T) {
	t.Parallel()
	warning := func(reason, message string) corev1.Event {
		return corev1.Event{Type: corev1.EventTypeWarning, Reason: reason, Message: message}
	}
	list := corev1.EventList{TypeMeta: metav1.TypeMeta{Kind: "EventList", APIVersion: "v1"}, Items: []corev1.Event{
		{Type: corev1.EventTypeNormal, Reason: "Pulling", Message: "Pulling image"},
		warning("FailedScheduling", "0/1 nodes are available"),
		warning("Failed", "Failed to pull image: registry says no"),
		warning("Failed", "Error: ErrImagePull"),
		warning("BackOff", "Back-off pulling image"),
		warning("Failed", "Error: ImagePullBackOff"),
		warning("Unhealthy", "Startup probe failed"),
		warning("FailedMount", "no such\nvolume"),
		warning("FailedMount", "no such\nvolume"),
	}}
	b := newBackend(t, api(func(r *http.Request, _ []byte) (int, any) {
		if !strings.HasSuffix(r.URL.Path, "/events") {
			return refusal(http.StatusNotFound, metav1.StatusReasonNotFound, "not found")
		}
		return http.StatusOK, list
	}))
	e := newEndpoint(b, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "u", Labels: map[string]string{labelManaged: "true"}}})
	if got, want := e.evidence(t.Context()), "Failed: Failed to pull image: registry says no; FailedMount: no such; volume"; got != want {
		t.Errorf("told is\n%s\nand not\n%s", got, want)
	}
}
