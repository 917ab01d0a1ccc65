package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/version"

	"github.com/gascity/agentd/client/doctor"
	"github.com/gascity/agentd/client/target"
)

// server answers as API servers do that no test can have at will: with another clock, another version, or a refusal.
type server struct {
	off     time.Duration // of its clock
	version version.Info
	status  int
	hangs   bool
}

func (s server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/version":
		http.NotFound(w, r)
	case s.hangs:
		<-r.Context().Done()
	case s.status != 0:
		http.Error(w, "no", s.status)
	default:
		w.Header().Set("Date", time.Now().Add(s.off).UTC().Format(http.TimeFormat))
		_ = json.NewEncoder(w).Encode(s.version) // the other side says what arrived
	}
}

// examine runs the checks of an API server alone.
func examine(t *testing.T, s server) doctor.Report {
	t.Helper()
	at := httptest.NewServer(s)
	t.Cleanup(at.Close)
	config := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: it, clusters: [{name: it, cluster: {server: %q}}], contexts: [{name: it, context: {cluster: it}}]}`, at.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := New(Config{Target: target.Target{Backend: target.Kube, Kubeconfig: config, Namespace: "gc"}, NoPods: true})
	defer c.Close()
	var checks []doctor.Check
	for _, check := range c.Checks() {
		if check.Group == clusterGroup {
			check.Within = time.Second
			checks = append(checks, check)
		}
	}
	return doctor.Run(t.Context(), checks, doctor.Observer{})
}

func TestAnAPIServersAnswerIsJudged(t *testing.T) {
	t.Parallel()
	recent := version.Info{Major: "1", Minor: "35", GitVersion: "v1.35.4"}
	for name, c := range map[string]struct {
		server server
		status doctor.Status
		text   string
	}{
		"all is well":         {server{version: recent}, doctor.OK, "Kubernetes v1.35.4"},
		"an hour ahead":       {server{version: recent, off: time.Hour}, doctor.Failed, "ahead of this machine's: tokens"},
		"20 s behind":         {server{version: recent, off: -20 * time.Second}, doctor.Warning, "behind this machine's; from 30s on"},
		"SPDY":                {server{version: version.Info{Major: "1", Minor: "29+", GitVersion: "v1.29.3-eks"}}, doctor.OK, "v1.29.3-eks; its port-forwards go over SPDY"},
		"too old":             {server{version: version.Info{Major: "1", Minor: "20", GitVersion: "v1.20.0"}}, doctor.Warning, "Kubernetes v1.20.0 is older than 1.28"},
		"no version":          {server{}, doctor.Warning, "does not tell its version"},
		"unknown credentials": {server{status: http.StatusUnauthorized}, doctor.Failed, "doesn't know who you are"},
		"no answer":           {server{hangs: true}, doctor.Failed, "reach the cluster: no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := examine(t, c.server)
			for _, f := range report.Findings {
				if f.Status == c.status && strings.Contains(f.Text, c.text) {
					return
				}
			}
			t.Errorf("no finding %s %q in %+v", c.status, c.text, report.Findings)
		})
	}
}
