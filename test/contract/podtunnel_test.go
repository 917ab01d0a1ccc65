package contract_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"
)

// Old load balancers and API servers know no websockets.
func TestWhereWebsocketsAreRefusedThePortForwardGoesOverSPDY(t *testing.T) {
	t.Parallel()
	var handler http.HandlerFunc
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler(w, r) }))
	t.Cleanup(proxy.Close) // once the sessions that go through it have ended
	g := newPods(t)
	direct := rest.CopyConfig(g.pods.cluster.Config)
	direct.NextProtos = []string{"http/1.1"}
	transport, err := rest.TransportFor(direct)
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(direct.Host)
	if err != nil {
		t.Fatal(err)
	}
	through := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(server) }, FlushInterval: -1}
	var refused, spdy atomic.Int64
	handler = func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
			refused.Add(1)
			http.Error(w, "no websockets here", http.StatusBadRequest)
			return
		case strings.HasPrefix(r.Header.Get("Upgrade"), "SPDY"):
			spdy.Add(1)
		}
		through.ServeHTTP(w, r)
	}
	g.env = append(g.env, "KUBECONFIG="+g.write(`{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":"`+proxy.URL+
		`"}}],"contexts":[{"name":"c","context":{"cluster":"c"}}]}`, "kubeconfig"))
	g.start("s", config{"command": "echo words; exec cat"})
	g.untilScreen("s", "words")
	big := strings.Repeat("0123456789abcdef", 4<<10) // many frames
	g.okIn(big, "set-meta", "s", "BIG")
	g.is(big, "get-meta", "s", "BIG")
	if refused.Load() == 0 || spdy.Load() == 0 {
		t.Errorf("%d websockets were refused, %d connections went over SPDY", refused.Load(), spdy.Load())
	}
	g.ok("stop", "s")
}
