package kube

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/client/target"
)

// knower is an API server that knows one token at a time, and forwards to a kubelet.
type knower struct {
	known atomic.Value // of string
	http.Handler
}

func (k *knower) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") == "Bearer "+k.known.Load().(string) {
		k.Handler.ServeHTTP(w, r)
		return
	}
	code, body := refusal(http.StatusUnauthorized, metav1.StatusReasonUnauthorized, "Unauthorized")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // who asked has gone
}

func TestAPinnedBackendTakesRenewedCredentialsForWhatComesNext(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]http.HandlerFunc{"over a websocket": kubelet{}.overWS, "in SPDY": kubelet{}.inSPDY} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.Handle("/version", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
			mux.Handle("/api/v1/namespaces/gc/pods/", way)
			k := &knower{Handler: mux}
			k.known.Store("first")
			server := httptest.NewTLSServer(k) // credentials go nowhere else
			t.Cleanup(server.Close)
			file := filepath.Join(t.TempDir(), "config")
			configFile{current: "near", server: server.URL, near: ", insecure-skip-tls-verify: true", user: "token: first"}.write(t, file)
			b, err := New(Config{Target: target.Target{Backend: target.Kube, Kubeconfig: file, Namespace: "gc"}, Pinned: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(b.Close)
			works := func(when string) {
				t.Helper()
				if _, err := b.Ask(t.Context()); err != nil {
					t.Errorf("%s: %v", when, err)
				}
			}
			works("at first")
			conn, err := b.forward(t.Context(), "p")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()

			k.known.Store("renewed")
			const said = "log in to the cluster again"
			if _, err := b.Ask(t.Context()); err == nil || !strings.Contains(err.Error(), said) {
				t.Errorf("asked with what is over: %v", err)
			}
			if _, err := b.forward(t.Context(), "p"); err == nil || !strings.Contains(err.Error(), said) {
				t.Errorf("connected with what is over: %v", err)
			}
			configFile{current: "far", server: server.URL, near: ", insecure-skip-tls-verify: true", user: "token: renewed"}.write(t, file)
			works("renewed")
			if b.Stale() {
				t.Error("it is stale")
			}
			again, err := b.forward(t.Context(), "p")
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			for name, c := range map[string]io.ReadWriter{"old": conn, "new": again} {
				if _, err := io.WriteString(c, "echo"); err != nil {
					t.Errorf("the %s connection: %v", name, err)
				}
				got := make([]byte, len("echo"))
				if _, err := io.ReadFull(c, got); err != nil || string(got) != "echo" {
					t.Errorf("the %s connection gives %q, %v", name, got, err)
				}
			}
		})
	}
}

func TestAPinnedBackendStaysWhereItIs(t *testing.T) {
	t.Parallel()
	const near, far = "https://near.test", "https://far.test"
	with := func(c configFile) func(t *testing.T, file string) {
		return func(t *testing.T, file string) { c.write(t, file) }
	}
	text := func(s string) func(t *testing.T, file string) {
		return func(t *testing.T, file string) { writeFile(t, file, s) }
	}
	for name, test := range map[string]struct {
		change func(t *testing.T, file string)
		token  string
	}{
		"the same again":              {with(configFile{current: "near", user: "token: old"}), "old"},
		"another current context":     {with(configFile{current: "far", user: "token: old"}), "old"},
		"another token":               {with(configFile{current: "near", user: "token: new"}), "new"},
		"both":                        {with(configFile{current: "far", user: "token: new"}), "new"},
		"no current context":          {with(configFile{user: "token: new"}), "new"},
		"another server of that name": {with(configFile{current: "near", server: far, user: "token: new"}), "old"},
		"a certificate that is none":  {with(configFile{current: "near", user: "client-certificate-data: YQ==, client-key-data: YQ=="}), "old"},
		"its context is gone":         {text("{apiVersion: v1, kind: Config, current-context: far, contexts: [{name: far, context: {cluster: far}}], clusters: [{name: far, cluster: {server: '" + far + "'}}]}"), "old"},
		"half of it":                  {text("{apiVersion: v1, clusters: ["), "old"},
		"nothing of it":               {text(""), "old"},
		"no file": {func(t *testing.T, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}, "old"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "config")
			configFile{current: "near", user: "token: old"}.write(t, file)
			b := &Backend{target: target.Target{Backend: target.Kube, Kubeconfig: file, Namespace: "gc"}}
			if err := b.reach(true); err != nil {
				t.Fatal(err)
			}
			means := func(token string) {
				t.Helper()
				if c := b.credentials(); c.Host != near || c.BearerToken != token || b.config.Host != near || b.Stale() {
					t.Errorf("it goes to %s with token %q, not to %s with %q; stale: %t", c.Host, c.BearerToken, near, token, b.Stale())
				}
			}
			means("old")
			for i, step := range []struct {
				change func(t *testing.T, file string)
				token  string
			}{{test.change, test.token}, {with(configFile{current: "far", user: "token: newest"}), "newest"}} {
				step.change(t, file)
				at := time.Now().Add(time.Duration(i+1) * time.Second)
				if err := os.Chtimes(file, at, at); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				means(step.token)
			}
		})
	}
}

func TestAPinnedBackendIsOfTheContextThatIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config")
	configFile{current: "near", user: "token: t"}.write(t, file)
	b := &Backend{target: target.Target{Backend: target.Kube, Kubeconfig: file, Context: "far", Namespace: "gc"}}
	if err := b.reach(true); err != nil || b.config.Host != "https://far.test" {
		t.Errorf("got %+v, %v", b.config, err)
	}
}
