package cluster

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/client/doctor"
	"github.com/gascity/agentd/client/target"
)

// A hint that is pasted must not delete what another cluster has under the same name.
func TestKubectlIsCalledAboutTheSamePlace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		target target.Target
		env    []string
		want   string
	}{
		"what kubectl takes by itself": {target.Target{}, nil, "kubectl get"},
		"the variable's":               {target.Target{Kubeconfig: "/a"}, []string{"KUBECONFIG=/b", "KUBECONFIG=/a"}, "kubectl get"},
		"a flag's":                     {target.Target{Kubeconfig: "/a"}, []string{"KUBECONFIG=/b"}, `KUBECONFIG="/a" kubectl get`},
		"a flag's, and a context":      {target.Target{Kubeconfig: "/a", Context: "c"}, nil, `KUBECONFIG="/a" kubectl --context "c" get`},
	} {
		c := New(Config{Target: test.target, Env: test.env})
		if got := c.kubectl("get"); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// Whoever deletes good keys cuts all agents off for minutes.
func TestOnlyKeysThatAreOfNoUseAreToBeDeleted(t *testing.T) {
	t.Parallel()
	refusal := func(code int32, reason metav1.StatusReason, message string) metav1.Status {
		return metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: code, Reason: reason, Message: message}
	}
	for name, test := range map[string]struct {
		code   int
		answer any
		text   string
		hint   string
	}{
		"no right to read them": {
			http.StatusForbidden, refusal(403, metav1.StatusReasonForbidden, `secrets "agentd-keys" is forbidden: User "me" cannot get resource "secrets"`),
			`you may not read the keys of agents: secrets "agentd-keys" is forbidden`, "create rolebinding agentd-operator-you",
		},
		"a server that is starting": {http.StatusServiceUnavailable, refusal(503, metav1.StatusReasonServiceUnavailable, "starting"), "read the keys of agents", ""},
		"no key": {
			http.StatusOK, corev1.Secret{TypeMeta: metav1.TypeMeta{Kind: "Secret", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: "agentd-keys", Namespace: "gc"}},
			"there is no Ed25519 private key", "-n gc delete secret agentd-keys",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := inCluster(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.code)
				_ = json.NewEncoder(w).Encode(test.answer) // the other side says what arrived
			}))
			found := c.keys(t.Context())
			if len(found) != 1 || found[0].Status != doctor.Failed || !strings.Contains(found[0].Text, test.text) {
				t.Fatalf("got %+v", found)
			}
			if hint := found[0].Hint; !strings.Contains(hint, test.hint) || test.hint == "" && hint != "" {
				t.Errorf("the hint is %q", hint)
			}
		})
	}
}
