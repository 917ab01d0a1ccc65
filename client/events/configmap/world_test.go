package configmap

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"k8s.io/client-go/rest"

	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/test/cluster"
)

func TestMain(m *testing.M) {
	// client-go keeps connections for whoever asks the same server next.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*clientConnReadLoop).run"))
}

// open opens a log in a namespace of a real API server, as another hub would.
func open(t *testing.T, c *cluster.Cluster, namespace string, change ...func(*Config)) *Log {
	t.Helper()
	config := Config{Rest: rest.CopyConfig(c.Config), Namespace: namespace}
	for _, do := range change {
		do(&config)
	}
	l, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// event is a stamped event.
func event(t *testing.T, format string, args ...any) []byte {
	t.Helper()
	stamped, err := events.Stamp(fmt.Appendf(nil, format, args...), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return stamped
}

// record records an event, which must be stored.
func record(t *testing.T, l *Log, format string, args ...any) uint64 {
	t.Helper()
	got, err := l.Record(t.Context(), events.Record{Event: event(t, format, args...)})
	if err != nil || got.Seq == 0 || got.Spooled {
		t.Fatalf("record: %+v, %v", got, err)
	}
	return got.Seq
}

// list lists events, as "number:message".
func list(t *testing.T, l *Log, f events.Filter, limit int) string {
	t.Helper()
	found, err := l.List(t.Context(), f, limit)
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	return short(found)
}

func short(found []events.Event) string {
	var all []string
	for _, e := range found {
		all = append(all, fmt.Sprintf("%d:%s", e.Seq, e.Message))
	}
	return strings.Join(all, " ")
}

// watcher collects what a watch tells.
type watcher struct{ told chan events.Event }

func watching(t *testing.T, l *Log, after uint64) *watcher {
	t.Helper()
	w := &watcher{told: make(chan events.Event, 10_000)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- l.Watch(ctx, after, func(e events.Event) error { w.told <- e; return nil })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the watch ended: %v", err)
		}
	})
	return w
}

// next gives the next events that the watch tells.
func (w *watcher) next(t *testing.T, n int) []events.Event {
	t.Helper()
	var got []events.Event
	over := time.After(30 * time.Second)
	for len(got) < n {
		select {
		case e := <-w.told:
			got = append(got, e)
		case <-over:
			t.Fatalf("after %d of %d events the watch tells nothing: %.2000s", len(got), n, short(got))
		}
	}
	return got
}

// replace replaces a ConfigMap by kubectl, as long as nobody else was faster.
func replace(c *cluster.Cluster, namespace, text string) error {
	cmd := exec.Command(c.Kubectl, "--kubeconfig", c.Kubeconfig, "-n", namespace, "replace", "-f", "-")
	cmd.Stdin = strings.NewReader(text)
	return cmd.Run()
}
