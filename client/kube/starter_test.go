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
	"github.com/gascity/agentd/client/hub"
)

// startedElsewhere is the pod of a start that another process makes.
func startedElsewhere(said, version string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: podName("s"), Namespace: "gc", UID: "1", ResourceVersion: version,
		Labels: map[string]string{labelManaged: "true"}, Annotations: map[string]string{annotationName: "s", annotationStarter: said},
	}}
}

func TestASilentStartOfAnotherProcessIsCutOffOnlyWhenTheAPIServerSaysSo(t *testing.T) {
	t.Parallel()
	later := startedElsewhere("x 9", "9")
	launched := startedElsewhere("", "9")
	launched.Annotations[annotationLaunched] = "2026-01-02T03:04:05Z"
	for name, test := range map[string]struct {
		answer func() (int, any)
		want   hub.Condition
	}{
		"it is as it was":                      {func() (int, any) { return http.StatusOK, startedElsewhere("x 1", "1") }, hub.HalfMade},
		"its start went on, the watch is deaf": {func() (int, any) { return http.StatusOK, later }, hub.Making},
		"it was launched":                      {func() (int, any) { return http.StatusOK, launched }, hub.Reachable},
		"it is gone": {func() (int, any) {
			return refusal(http.StatusNotFound, metav1.StatusReasonNotFound, `pods "s" not found`)
		}, hub.Gone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBackend(t, api(func(*http.Request, []byte) (int, any) { return test.answer() }))
				pod := startedElsewhere("x 1", "1")
				b.pods.put(pod)
				e := b.endpoint(pod)
				if got, err := e.Inspect(t.Context()); got != hub.Making || err != nil {
					t.Fatalf("at first: %v, %v", got, err)
				}
				time.Sleep(silence)
				if got, err := e.Inspect(t.Context()); got != test.want || err != nil {
					t.Errorf("got %v, %v; want %v", got, err, test.want)
				}
			})
		})
	}
}

func TestAStartIsNotCutOffForBeingSilentWhileTheAPIServerWasDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := true
		b := newBackend(t, api(func(*http.Request, []byte) (int, any) {
			if down {
				return refusal(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "starting")
			}
			return http.StatusOK, startedElsewhere("x 1", "1")
		}))
		pod := startedElsewhere("x 1", "1")
		b.pods.put(pod)
		e := b.endpoint(pod)
		_, _ = e.Inspect(t.Context())
		time.Sleep(silence)
		if _, err := e.Inspect(t.Context()); err == nil {
			t.Error("no error")
		}
		down = false
		if got, err := e.Inspect(t.Context()); got != hub.Making || err != nil {
			t.Errorf("when it is up again: %v, %v", got, err)
		}
		time.Sleep(silence)
		if got, err := e.Inspect(t.Context()); got != hub.HalfMade || err != nil {
			t.Errorf("after more silence: %v, %v", got, err)
		}
	})
}

func TestOthersPodsWakeNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t, api(func(*http.Request, []byte) (int, any) { return http.StatusOK, &corev1.Pod{} }))
		pod := startedElsewhere("x 1", "1")
		b.pods.put(pod)
		e := b.endpoint(pod)
		was, changed := e.watched()
		began := time.Now()
		woken := make(chan bool, 1)
		go func() { woken <- e.await(t.Context(), was, changed, time.Minute) }()
		for range 3 {
			synctest.Wait()
			b.pods.put(podOf("other", "2"))
		}
		time.Sleep(time.Second)
		b.pods.put(startedElsewhere("x 2", "2"))
		if timeUp := <-woken; timeUp || time.Since(began) != time.Second {
			t.Errorf("woken after %v, time up: %v", time.Since(began), timeUp)
		}
		was, changed = e.watched()
		if !e.await(t.Context(), was, changed, time.Second) {
			t.Error("the time was not up")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if e.await(ctx, was, changed, time.Second) {
			t.Error("the time was up")
		}
	})
}

func TestNobodyWaitsLongForTheKeysHoweverManyAsk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t, silent{})
		began := time.Now()
		const many = 20
		errs := make(chan error, many)
		for range many {
			go func() {
				_, err := b.Token("kube/gc/a/1")
				errs <- err
			}()
		}
		for range many {
			if err := <-errs; wire.CodeOf(err) != wire.CodeUnavailable {
				t.Errorf("got %v", err)
			}
		}
		if took := time.Since(began); took != keyTime {
			t.Errorf("it took %v", took)
		}
	})
}

func TestAPodIsUndoneUnlessTheAPIServerRefusedIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		code   int
		reason metav1.StatusReason
		undone bool
	}{
		"its answer was lost behind a proxy": {http.StatusBadGateway, metav1.StatusReasonUnknown, true},
		"its database was slow":              {http.StatusInternalServerError, metav1.StatusReasonInternalError, true},
		"it forbids it":                      {http.StatusForbidden, metav1.StatusReasonForbidden, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			undone := false
			b := newBackend(t, api(func(r *http.Request, _ []byte) (int, any) {
				switch r.Method {
				case http.MethodPost:
					return refusal(test.code, test.reason, "no")
				case http.MethodDelete:
					undone = true
					return http.StatusOK, metav1.Status{}
				}
				if strings.Contains(r.URL.Path, "/secrets/") {
					secret, err := newSecret()
					if err != nil {
						t.Error(err)
					}
					return http.StatusOK, secret
				}
				pod := startedElsewhere("", "1")
				pod.Annotations[annotationKey] = "key"
				return http.StatusOK, pod
			}))
			if _, err := b.Create(t.Context(), hub.Spec{Name: "s", Key: "key", BaseEnv: []string{"GC_K8S_IMAGE=i"}}); err == nil {
				t.Error("no error")
			}
			if undone != test.undone {
				t.Errorf("undone: %v", undone)
			}
		})
	}
}
