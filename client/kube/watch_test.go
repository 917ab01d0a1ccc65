package kube

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// watched is an API server of which pods are listed and watched. Its watches tell of nothing until they end.
type watched struct {
	mu      sync.Mutex
	version string
	names   []string
	expires bool // the next watch can't go on from where the list was
	lists   int
}

func (w *watched) has(version string, names ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.version, w.names = version, names
}

func (w *watched) answer(r *http.Request, _ []byte) (int, any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case r.URL.Query().Get("sendInitialEvents") != "":
		return refusal(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, "not known here")
	case r.URL.Query().Get("watch") == "":
		w.lists++
		list := corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}, ListMeta: metav1.ListMeta{ResourceVersion: w.version}}
		for _, name := range w.names {
			list.Items = append(list.Items, *podOf(name, name))
		}
		return http.StatusOK, list
	case w.expires:
		w.expires = false
		_, status := refusal(http.StatusGone, metav1.StatusReasonExpired, "too old resource version")
		text, _ := json.Marshal(status)
		return http.StatusOK, map[string]any{"type": "ERROR", "object": json.RawMessage(text)}
	}
	w.mu.Unlock()
	<-r.Context().Done()
	w.mu.Lock()
	return refusal(http.StatusGone, metav1.StatusReasonExpired, "the watch is over")
}

// knows says which pods are known.
func knows(t *testing.T, b *Backend) string {
	t.Helper()
	all, err := b.pods.list(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, pod := range all {
		names = append(names, pod.Name)
	}
	return strings.Join(names, " ")
}

func TestAWatchThatExpiresIsMadeAnewFromAList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &watched{expires: true}
		server.has("10", "old")
		b := newBackend(t, api(server.answer))
		b.owned.Go(func() { b.pods.watch(b.ctx, b.client.core.Pods("gc"), b.log) })
		if got := knows(t, b); got != "old" {
			t.Errorf("at first it knows %q", got)
		}
		server.has("20", "new")
		time.Sleep(3 * time.Second) // of the bubble's clock
		if got := knows(t, b); got != "new" {
			t.Errorf("after the watch's end it knows %q", got)
		}
		b.Close()
	})
}

// outage refuses connections, as long as it is on.
type outage struct {
	http.RoundTripper
	mu sync.Mutex
	on bool
}

func (o *outage) is(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.on = on
}

func (o *outage) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	on := o.on
	o.mu.Unlock()
	if on {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	return o.RoundTripper.RoundTrip(r)
}

func TestPodsAreKnownSoonAfterAnOutageHoweverLong(t *testing.T) {
	t.Parallel()
	for _, long := range []time.Duration{5 * time.Second, 30 * time.Second, 10 * time.Minute, 3 * time.Hour} {
		t.Run(long.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := &watched{expires: true}
				server.has("10", "old")
				way := &outage{RoundTripper: api(server.answer)}
				b := newBackend(t, way)
				b.owned.Go(func() { b.pods.watch(b.ctx, b.client.core.Pods("gc"), b.log) })
				if got := knows(t, b); got != "old" {
					t.Errorf("at first it knows %q", got)
				}
				way.is(true)
				server.has("20", "new")
				time.Sleep(long) // of the bubble's clock
				way.is(false)
				for began := time.Now(); knows(t, b) != "new"; time.Sleep(100 * time.Millisecond) {
					if took := time.Since(began); took > 4*time.Second {
						t.Fatalf("after %s it still knows %q", took, knows(t, b))
					}
				}
				b.Close()
			})
		})
	}
}
