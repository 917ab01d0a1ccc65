package cluster

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/gascity/agentd/client/doctor"
	"github.com/gascity/agentd/client/target"
)

// podServer answers as an API server does in whose namespace the pods of trials end at once.
type podServer struct {
	reaches string // the address that a dial from within gets through to

	mu    sync.Mutex
	tried *corev1.Pod
}

func (s *podServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := func(object any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(object) // the other side says what arrived
	}
	switch pod := "/api/v1/namespaces/gc/pods/"; {
	case r.Method == http.MethodPost && r.URL.Path+"/" == pod:
		s.tried = &corev1.Pod{}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, _, err = scheme.Codecs.UniversalDeserializer().Decode(body, nil, s.tried)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		state := corev1.ContainerStateTerminated{Reason: "Completed"}
		if command := s.tried.Spec.Containers[0].Command; command[1] == "dial" && command[2] != s.reaches {
			state = corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1}
		}
		s.tried.TypeMeta = metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"}
		s.tried.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "agent", State: corev1.ContainerState{Terminated: &state}}}
		answer(s.tried)
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/log"):
		_, _ = w.Write([]byte("agentd: it refuses"))
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, pod):
		answer(s.tried)
	case r.Method == http.MethodDelete:
		answer(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess})
	default:
		http.NotFound(w, r)
	}
}

// inCluster makes an examination with an environment, in front of an API server.
func inCluster(t *testing.T, server http.Handler, env ...string) *Cluster {
	t.Helper()
	at := httptest.NewServer(server)
	t.Cleanup(at.Close)
	config := filepath.Join(t.TempDir(), "config")
	text := `{apiVersion: v1, kind: Config, current-context: it, clusters: [{name: it, cluster: {server: "` + at.URL + `"}}], contexts: [{name: it, context: {cluster: it}}]}`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := New(Config{Target: target.Target{Backend: target.Kube, Kubeconfig: config, Namespace: "gc"}, Env: append([]string{"GC_K8S_IMAGE=i"}, env...)})
	t.Cleanup(c.Close)
	for _, found := range [][]doctor.Finding{c.kubeconfig(t.Context()), c.readSettings(t.Context())} {
		if found[0].Status != doctor.OK {
			t.Fatalf("got %+v", found)
		}
	}
	return c
}

func TestDoltIsTriedWhereAgentsAreSent(t *testing.T) {
	t.Parallel()
	const usual = "dolt.gc.svc.cluster.local:3307"
	for name, test := range map[string]struct {
		env     []string
		reaches string
		dials   string // empty for no pod at all
		status  doctor.Status
		text    string
		hint    string
	}{
		"gc's": {
			[]string{"GC_DOLT_HOST=db", "GC_DOLT_PORT=3306"}, "db:3306", "db:3306", doctor.OK, "pods reach Dolt at db:3306 (GC_DOLT_HOST", "",
		},
		"gc's, where the usual one is there": {
			[]string{"GC_DOLT_HOST=db", "GC_DOLT_PORT=3306"}, usual, "db:3306", doctor.Failed, "pods don't reach Dolt at db:3306", "GC_DOLT_HOST and GC_DOLT_PORT name another",
		},
		"this machine's": {
			[]string{"GC_DOLT_HOST=localhost", "GC_DOLT_PORT=40001"}, usual, usual, doctor.OK, `GC_DOLT_HOST "localhost" is this machine`, "",
		},
		"a port": {
			[]string{"GC_DOLT_PORT=40001", "GC_K8S_DOLT_HOST=db"}, "db:3307", "db:3307", doctor.OK, "pods reach Dolt at db:3307 (GC_DOLT_PORT without", "",
		},
		"a host": {
			[]string{"GC_DOLT_HOST=db"}, "db:3307", "", doctor.Failed, "GC_DOLT_PORT is not set: set both, or neither", "starts are refused",
		},
		"nothing, where the usual one is there": {
			nil, usual, usual, doctor.OK, "pods reach Dolt at " + usual + " (GC_DOLT_HOST and GC_DOLT_PORT are not set here", "",
		},
		"nothing, where there is none": {
			nil, "", usual, doctor.Warning, "pods don't reach Dolt at " + usual, "agents that need none can do without",
		},
		"the cluster's": {
			[]string{"GC_K8S_DOLT_HOST=db"}, "", "db:3307", doctor.Failed, "pods don't reach Dolt at db:3307", "GC_K8S_DOLT_HOST and GC_K8S_DOLT_PORT name another",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := &podServer{reaches: test.reaches}
			found := inCluster(t, server, test.env...).dolt(t.Context())
			if len(found) != 1 || found[0].Status != test.status || !strings.Contains(found[0].Text, test.text) || !strings.Contains(found[0].Hint, test.hint) {
				t.Errorf("got %+v", found)
			}
			server.mu.Lock()
			defer server.mu.Unlock()
			dialled := ""
			if server.tried != nil {
				dialled = server.tried.Spec.Containers[0].Command[2]
			}
			if dialled != test.dials {
				t.Errorf("dialled %q, want %q", dialled, test.dials)
			}
		})
	}
}
