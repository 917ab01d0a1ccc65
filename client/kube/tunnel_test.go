package kube

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/gascity/agentd/agentd/wire"
)

// kubelet answers a port-forward, in one of the ways that API servers know: what comes is sent back, unless the forward is refused.
type kubelet struct {
	refusal string
}

// overWS speaks the newer way.
func (k kubelet) overWS(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{Subprotocols: []string{overWebsocket}}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	conn, err := spdy.NewServerConnection(portforward.NewTunnelingConnection("kubelet", ws), k.stream)
	if err != nil {
		return
	}
	<-conn.CloseChan()
}

// inSPDY speaks the older way, and knows no other.
func (k kubelet) inSPDY(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "what is a websocket", http.StatusBadRequest)
		return
	}
	w.Header().Set(httpstream.HeaderProtocolVersion, overSPDY)
	if conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, k.stream); conn != nil {
		<-conn.CloseChan()
	}
}

func (k kubelet) stream(s httpstream.Stream, replied <-chan struct{}) error {
	kind := s.Headers().Get(corev1.StreamType)
	go func() {
		<-replied
		switch {
		case kind == corev1.StreamTypeData && k.refusal == "":
			_, _ = io.Copy(s, s)
			_ = s.Reset()
		case kind == corev1.StreamTypeError && k.refusal != "":
			_, _ = io.WriteString(s, k.refusal)
			_ = s.Close()
		}
	}()
	return nil
}

// apiServer serves port-forwards alone.
func apiServer(t *testing.T, forward http.HandlerFunc) *Backend {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/api/v1/namespaces/gc/pods/", forward)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	b := newBackend(t, nil)
	b.config = &rest.Config{Host: server.URL}
	var err error
	if b.client, err = newClientset(b.config); err != nil {
		t.Fatal(err)
	}
	return b
}

// eachWay runs a test for either way in which an API server may speak.
func eachWay(t *testing.T, k kubelet, test func(t *testing.T, b *Backend)) {
	t.Parallel()
	for name, way := range map[string]http.HandlerFunc{"over a websocket": k.overWS, "in SPDY": k.inSPDY} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, apiServer(t, way))
		})
	}
}

func TestATunnelIsAConnection(t *testing.T) {
	eachWay(t, kubelet{}, func(t *testing.T, b *Backend) {
		conn, err := b.forward(t.Context(), "p")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		text := strings.Repeat("hello, agent\n", 20_000)
		written := make(chan error, 1)
		go func() {
			_, err := io.WriteString(conn, text)
			written <- err
		}()
		got := make([]byte, len(text))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
			t.Errorf("what came back differs: %v", err)
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
		if conn.RemoteAddr().String() != "p" {
			t.Errorf("it leads to %v", conn.RemoteAddr())
		}
	})
}

func TestAReadPastItsDeadlineEnds(t *testing.T) {
	eachWay(t, kubelet{}, func(t *testing.T, b *Backend) {
		conn, err := b.forward(t.Context(), "p")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		if _, err := conn.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %v", err)
		}
	})
}

func TestAClosedTunnelEndsItsReader(t *testing.T) {
	eachWay(t, kubelet{}, func(t *testing.T, b *Backend) {
		conn, err := b.forward(t.Context(), "p")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := conn.Read(make([]byte, 1))
			ended <- err
		}()
		if err := conn.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := <-ended; err == nil {
			t.Error("it has read something")
		}
		if err := conn.Close(); err != nil {
			t.Errorf("close again: %v", err)
		}
	})
}

func TestWhyTheKubeletRefusesIsTold(t *testing.T) {
	refused := kubelet{refusal: "error forwarding port 7878 to pod p:\n connection refused\n"}
	eachWay(t, refused, func(t *testing.T, b *Backend) {
		conn, err := b.forward(t.Context(), "p")
		if err == nil {
			defer conn.Close()
			_, err = conn.Read(make([]byte, 1))
		}
		if err == nil || strings.TrimPrefix(err.Error(), `port-forward to pod "p": `) != "error forwarding port 7878 to pod p:; connection refused" {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhyTheAPIServerRefusesAForwardIsTold(t *testing.T) {
	t.Parallel()
	status := func(code int, reason metav1.StatusReason, message string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			_, object := refusal(code, reason, message)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			_ = json.NewEncoder(w).Encode(object)
		}
	}
	const forbidden = `pods "p" is forbidden: User "me" cannot get resource "pods/portforward"`
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		code   wire.Code
		text   string
	}{
		"no right": {status(http.StatusForbidden, metav1.StatusReasonForbidden, forbidden), wire.CodeFailed, forbidden + " (the role agentd-operator of deploy/ allows it)"},
		"no pod":   {status(http.StatusNotFound, metav1.StatusReasonNotFound, `pods "p" not found`), wire.CodeFailed, `pods "p" not found`},
		"no node":  {status(http.StatusInternalServerError, metav1.StatusReasonInternalError, "dial tcp: no route to host"), wire.CodeUnavailable, "dial tcp: no route to host"},
		"a proxy that doesn't let it through": {
			func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<h1>\nno</h1>", http.StatusBadGateway) }, wire.CodeFailed, "502 Bad Gateway: <h1>; no</h1>",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := apiServer(t, test.answer).forward(t.Context(), "p")
			checkExplained(t, err, test.code, `port-forward to pod "p": `+test.text)
		})
	}
}

// A node that was lost takes no connection and refuses none, and the API server waits for it.
func TestANodeThatIsLostIsNamed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		gone, apiHangs bool
		text           string
	}{
		"it does not answer":             {false, false, `the pod's node "n" does not answer`},
		"it was removed":                 {true, false, `the pod's node "n" is not in the cluster any more`},
		"the API server does not answer": {false, true, "the API server at "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := podOf("p", "1")
			pod.Spec.NodeName = "n"
			b := apiServer(t, func(w http.ResponseWriter, r *http.Request) {
				forward := strings.HasSuffix(r.URL.Path, "/portforward")
				code, object := http.StatusOK, any(podOf("p", "1"))
				switch {
				case forward && test.gone:
					code, object = refusal(http.StatusNotFound, metav1.StatusReasonNotFound, `pods "n" not found`)
				case forward, test.apiHangs:
					<-r.Context().Done()
					return
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(code)
				_ = json.NewEncoder(w).Encode(object)
			})
			b.pods.put(pod)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
			defer cancel()
			_, err := b.forward(ctx, "p")
			if wire.CodeOf(err) != wire.CodeUnavailable || !strings.HasPrefix(err.Error(), `port-forward to pod "p": `+test.text) {
				t.Errorf("got %v, want %q", err, test.text)
			}
		})
	}
}

// A kubelet that is busy may take long to answer. Whoever gives up is not to wait for it.
func TestAHandshakeThatHangsEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	for name, hangs := range map[string]string{"over a websocket": http.MethodGet, "in SPDY": http.MethodPost} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			b := apiServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != hangs {
					http.Error(w, "what is a websocket", http.StatusBadRequest)
					return
				}
				cancel()
				<-r.Context().Done()
			})
			if _, err := b.forward(ctx, "p"); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
}
