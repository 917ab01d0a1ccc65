package gcctl

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/target"
)

// The terminal would ask a hub that has left what became of its session, for as long as it lives.
func TestTheHubOfAPodsTerminalIsThereWhateverTheKubeconfigComesToMean(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "config")
	a := &app{target: target.Target{Backend: target.Kube, Kubeconfig: file, Namespace: "gc"}, getenv: func(string) string { return "" }}
	t.Cleanup(a.close)
	reach := a.terminalOptions("s")
	for _, config := range []struct{ current, token string }{{"here", "first"}, {"elsewhere", "first"}, {"elsewhere", "renewed"}} {
		text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: %s,
contexts: [{name: here, context: {cluster: here, user: me}}, {name: elsewhere, context: {cluster: elsewhere, user: me}}],
clusters: [{name: here, cluster: {server: %q, insecure-skip-tls-verify: true}}, {name: elsewhere, cluster: {server: "https://127.0.0.1:1"}}],
users: [{name: me, user: {token: %s}}]}`, config.current, server.URL, config.token)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		conn, err := reach.Connect(t.Context())
		if err != nil {
			t.Fatalf("%+v: %v", config, err)
		}
		var status wire.HubStatus
		if err := conn.Call(t.Context(), mux.Request{Op: wire.OpHubStatus}, &status); err != nil {
			t.Errorf("%+v: %v", config, err)
		}
		_ = conn.Close(wire.CloseNormal, "") // its other end is in this process
	}
}
