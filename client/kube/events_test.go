package kube

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/events"
)

func TestTheEventLogSaysWhichRoleIsLacking(t *testing.T) {
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(state, "run"))
	var asked atomic.Int32
	b := newBackend(t, api(func(*http.Request, []byte) (int, any) {
		asked.Add(1)
		return refusal(http.StatusForbidden, metav1.StatusReasonForbidden, `configmaps is forbidden: User "me" cannot list resource "configmaps" in API group "" in the namespace "gc"`)
	}))
	log, err := b.Events()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := b.Events(); again != log || err != nil {
		t.Errorf("a second time it is another one: %v", err)
	}
	if asked.Load() != 0 {
		t.Errorf("opening it asked the API server for %d things", asked.Load())
	}
	const text = `list the events: configmaps is forbidden: User "me" cannot list resource "configmaps" in API group "" in the namespace "gc" (the role agentd-events of deploy/ allows it)`
	if _, err := log.List(t.Context(), events.Filter{}, 0); wire.CodeOf(err) != wire.CodeFailed || err.Error() != text {
		t.Errorf("a list: %v, of code %q", err, wire.CodeOf(err))
	}
	if _, err := log.Record(t.Context(), events.Record{Event: []byte(`{"ts":"2026-01-02T03:04:05Z"}`)}); err == nil || !strings.Contains(err.Error(), "record the event: ") {
		t.Errorf("a record: %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(state, "agentd")); err != nil || len(left) != 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

func TestWhoMayNotDeleteEventsIsToldOfThePrunersRole(t *testing.T) {
	t.Parallel()
	b := newBackend(t, api(func(*http.Request, []byte) (int, any) { return http.StatusOK, nil }))
	err := b.explainEvents("prune the events", &apierrors.StatusError{ErrStatus: metav1.Status{
		Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden, Message: `configmaps "gc-evt-0000000001" is forbidden: User "me" cannot delete resource "configmaps"`,
	}})
	if !strings.HasSuffix(err.Error(), "(the role agentd-events-prune of deploy/ allows it)") {
		t.Errorf("it says %q", err)
	}
}
