package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"go.uber.org/goleak"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/gascity/agentd/client/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// api answers as an API server would, with an object or a log's text, within the process: so the real client is used in front of any fault, also in a bubble of testing/synctest.
type api func(r *http.Request, body []byte) (int, any)

// RoundTrip answers one request.
func (a api) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	var err error
	if r.Body != nil {
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	status, object := a(r, body)
	var text []byte
	if log, ok := object.(string); ok {
		text = []byte(log)
	} else if text, err = json.Marshal(object); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(text)), Request: r, ContentLength: int64(len(text)),
	}, nil
}

// refusal is the answer to what can't be done.
func refusal(code int, reason metav1.StatusReason, message string) (int, any) {
	return code, metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	}
}

// newBackend makes a backend in front of an API server, without the watch of pods: a test says itself what that tells of.
func newBackend(t *testing.T, server http.RoundTripper) *Backend {
	t.Helper()
	config := &rest.Config{Host: "https://api.test", Transport: server, QPS: -1, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	client, err := newClientset(config)
	if err != nil {
		t.Fatal(err)
	}
	b := &Backend{
		target: target.Target{Backend: target.Kube, Namespace: "gc"}, config: config, client: client, pods: newPods(), log: slog.New(slog.DiscardHandler),
		endpoints: map[types.UID]*endpoint{},
	}
	b.keys = newKeys(b)
	b.ctx, b.cancel = context.WithCancel(context.Background())
	t.Cleanup(b.Close)
	return b
}
