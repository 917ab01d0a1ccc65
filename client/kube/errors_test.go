package kube

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/target"
)

func TestWhatTheAPIServerRefusesIsExplained(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		code    int
		reason  metav1.StatusReason
		message string
		want    wire.Code
		text    string
	}{
		"credentials that have expired": {
			401, metav1.StatusReasonUnauthorized, "Unauthorized", wire.CodeUnavailable,
			"look: the API server doesn't know who you are (Unauthorized): log in to the cluster again",
		},
		"a node that is gone": {
			500, metav1.StatusReasonInternalError, "error dialing backend: dial tcp 10.0.0.1:10250: connect: connection refused", wire.CodeUnavailable,
			"look: the pod's node does not answer: dial tcp 10.0.0.1:10250: connect: connection refused",
		},
		"a verb that the role lacks": {
			403, metav1.StatusReasonForbidden, `pods "p" is forbidden: User "me" cannot get resource "pods" in API group "" in the namespace "gc"`, wire.CodeFailed,
			`look: pods "p" is forbidden: User "me" cannot get resource "pods" in API group "" in the namespace "gc" (the role agentd-operator of deploy/ allows it)`,
		},
		"a quota that is used up": {
			403, metav1.StatusReasonForbidden, `pods "p" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2`, wire.CodeUnavailable,
			`look: pods "p" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2`,
		},
		"a service account that is missing": {
			403, metav1.StatusReasonForbidden, `pods "p" is forbidden: error looking up service account gc/robot: serviceaccount "robot" not found`, wire.CodeFailed,
			`look: pods "p" is forbidden: error looking up service account gc/robot: serviceaccount "robot" not found`,
		},
		"a pod that breaks the namespace's limits": {
			403, metav1.StatusReasonForbidden, `pods "p" is forbidden: maximum cpu usage per Container is 1, but limit is 2`, wire.CodeFailed,
			`look: pods "p" is forbidden: maximum cpu usage per Container is 1, but limit is 2`,
		},
		"a webhook that refuses the pod": {
			403, metav1.StatusReasonForbidden, `admission webhook "images.test" denied the request: images cannot come from docker.io`, wire.CodeFailed,
			`look: admission webhook "images.test" denied the request: images cannot come from docker.io`,
		},
		"a namespace that is ending": {
			403, metav1.StatusReasonForbidden, `pods "p" is forbidden: unable to create new content in namespace gc because it is being terminated`, wire.CodeFailed,
			`look: pods "p" is forbidden: unable to create new content in namespace gc because it is being terminated`,
		},
		"a namespace that isn't there": {
			404, metav1.StatusReasonNotFound, `namespaces "gc" not found`, wire.CodeFailed,
			`look: there is no namespace "gc": create it, as deploy/ does, or name another with GC_K8S_NAMESPACE or -n`,
		},
		"something else that isn't there": {404, metav1.StatusReasonNotFound, `pods "p" not found`, wire.CodeFailed, `look: pods "p" not found`},
		"what can't be valid":             {422, metav1.StatusReasonInvalid, "Pod \"p\" is invalid:\n  spec: too odd", wire.CodeBadRequest, `look: Pod "p" is invalid:; spec: too odd`},
		"a request that can't be right":   {400, metav1.StatusReasonBadRequest, "no", wire.CodeBadRequest, "look: no"},
		"too many requests":               {429, metav1.StatusReasonTooManyRequests, "later", wire.CodeUnavailable, "look: later"},
		"a conflict":                      {409, metav1.StatusReasonConflict, "changed meanwhile", wire.CodeUnavailable, "look: changed meanwhile"},
		"a fault of the server's":         {500, metav1.StatusReasonInternalError, "etcd", wire.CodeUnavailable, "look: etcd"},
		"a load balancer without servers": {502, "", "bad gateway", wire.CodeUnavailable, "look: bad gateway"},
		"a server that is starting":       {503, metav1.StatusReasonServiceUnavailable, "starting", wire.CodeUnavailable, "look: starting"},
		"a server that is slow":           {504, metav1.StatusReasonTimeout, "slow", wire.CodeUnavailable, "look: slow"},
		"anything else":                   {418, "", "tea", wire.CodeFailed, "look: tea"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t, api(func(*http.Request, []byte) (int, any) { return refusal(test.code, test.reason, test.message) }))
			// A create, as the client tries reads again after some of these.
			_, err := b.client.core.Pods("gc").Create(t.Context(), &corev1.Pod{}, metav1.CreateOptions{})
			checkExplained(t, b.explain("look", err), test.want, test.text)
		})
	}
}

func checkExplained(t *testing.T, err error, code wire.Code, text string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if got := wire.CodeOf(err); got != code {
		t.Errorf("the code is %q, want %q", got, code)
	}
	if err.Error() != text {
		t.Errorf("got  %s\nwant %s", err, text)
	}
	if strings.ContainsAny(err.Error(), "\r\n") {
		t.Errorf("more than one line: %q", err)
	}
}

func TestWhatIsExplainedAlreadyKeepsItsCode(t *testing.T) {
	t.Parallel()
	b := &Backend{config: &rest.Config{Host: "https://api.test"}}
	if err := b.explain("look", nil); err != nil {
		t.Errorf("of nothing: %v", err)
	}
	for _, test := range []struct {
		err  error
		code wire.Code
		text string
	}{
		{wire.Errorf(wire.CodeState, "made meanwhile"), wire.CodeState, "look: made meanwhile"},
		{fmt.Errorf("read: %w", context.Canceled), wire.CodeCanceled, "look: read: context canceled"},
		{errors.New("odd"), wire.CodeFailed, "look: odd"},
	} {
		checkExplained(t, b.explain("look", test.err), test.code, test.text)
	}
}

// kubeconfig writes one whose user is given in YAML, and gives a backend that goes by it.
func kubeconfig(t *testing.T, server, cluster, user string) *Backend {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c,
contexts: [{name: c, context: {cluster: k, user: u}}],
clusters: [{name: k, cluster: {server: %q%s}}],
users: [{name: u, user: {%s}}]}`, server, cluster, user)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := New(Config{Target: target.Target{Backend: target.Kube, Kubeconfig: name, Namespace: "gc"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// freePort gives the address of a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestAServerThatDoesNotAnswerIsNamed(t *testing.T) {
	t.Parallel()
	at := freePort(t)
	b := kubeconfig(t, "https://"+at, "", "token: t")
	_, err := b.Scan(t.Context())
	checkExplained(t, err, wire.CodeUnavailable,
		fmt.Sprintf(`list the pods of namespace "gc": the API server at https://%s does not answer: dial tcp %[1]s: connect: connection refused`, at))
	_, err = b.Find(t.Context(), "mayor")
	checkExplained(t, err, wire.CodeUnavailable,
		fmt.Sprintf(`look for session "mayor": the API server at https://%s does not answer: dial tcp %[1]s: connect: connection refused`, at))
}

// silent is a server that never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestAServerThatTakesTooLongIsNamed(t *testing.T) {
	t.Parallel()
	b := newBackend(t, silent{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := b.client.core.Pods("gc").Create(ctx, &corev1.Pod{}, metav1.CreateOptions{})
	checkExplained(t, b.explain("look", err), wire.CodeUnavailable, "look: the API server at https://api.test did not answer in time")
}

// A load balancer whose API server is down does so.
func TestAServerThatHangsUpIsNamed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4<<10)) // all of it, or the end is a reset
			conn.Close()
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	b := kubeconfig(t, "http://"+l.Addr().String(), "", "token: t")
	_, err = b.forward(t.Context(), "p")
	checkExplained(t, err, wire.CodeUnavailable, fmt.Sprintf(`port-forward to pod "p": the API server at http://%s does not answer: unexpected EOF`, l.Addr()))
}

func TestCredentialsThatCantBeHadAreNotTheServersFault(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ command, want string }{
		"a plugin that fails":        {"/bin/false", "exec: executable /bin/false failed with exit code 1"},
		"a plugin that says nothing": {"/bin/true", "exec plugin is configured"},
		"a plugin that isn't there":  {"no-such-plugin-anywhere", "exec: executable no-such-plugin-anywhere not found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := kubeconfig(t, "https://"+freePort(t), "", fmt.Sprintf("exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: %q}", test.command))
			_, err := b.client.core.Pods("gc").Create(t.Context(), &corev1.Pod{}, metav1.CreateOptions{})
			err = b.explain("look", err)
			if want := "look: no credentials for the cluster: " + test.want; wire.CodeOf(err) != wire.CodeUnavailable || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %v, of code %q, want %s", err, wire.CodeOf(err), want)
			}
			checkNamesHubStop(t, err)
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

// Some plugins make of old variables credentials that the API server alone finds to be over.
func TestCredentialsOfAPluginThatAreOverMayBeTheHubs(t *testing.T) {
	t.Parallel()
	b := newBackend(t, silent{})
	b.config.ExecProvider = &clientcmdapi.ExecConfig{}
	b.target = target.Target{Backend: target.Kube, Kubeconfig: "/a:/b", Context: "c", Namespace: "n"} // which have a hub of their own
	err := b.explain("look", apierrors.NewUnauthorized("Unauthorized"))
	if want := "`KUBECONFIG=\"/a:/b\" gcctl --context \"c\" -n n hub stop`"; !strings.Contains(err.Error(), want) {
		t.Errorf("it says not %s: %v", want, err)
	}
}

// checkNamesHubStop says whether people are told how they get another hub.
func checkNamesHubStop(t *testing.T, err error) {
	t.Helper()
	if !strings.Contains(err.Error(), "gcctl -n gc hub stop`") {
		t.Errorf("it says not how to get another hub: %v", err)
	}
}

// certificate makes one for 127.0.0.1 that is its own authority.
func certificate(t *testing.T, until time.Time) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: until.Add(-24 * time.Hour), NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestAServerThatCantBeTrustedIsNotSaidToBeSilent(t *testing.T) {
	t.Parallel()
	expired, expiredCA := certificate(t, time.Now().Add(-time.Hour))
	valid, validCA := certificate(t, time.Now().Add(time.Hour))
	for name, test := range map[string]struct {
		shown tls.Certificate
		ca    []byte
		want  string
	}{
		"an expired certificate":                 {expired, expiredCA, "certificate has expired"},
		"a certificate of another authority":     {valid, expiredCA, "signed by unknown authority"},
		"an expired one that isn't known either": {expired, validCA, "x509: certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.TLS = &tls.Config{Certificates: []tls.Certificate{test.shown}}
			server.StartTLS()
			t.Cleanup(server.Close)
			ca := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(ca, test.ca, 0o600); err != nil {
				t.Fatal(err)
			}
			b := kubeconfig(t, server.URL, fmt.Sprintf(", certificate-authority: %q", ca), "token: t")
			_, err := b.client.core.Pods("gc").Create(t.Context(), &corev1.Pod{}, metav1.CreateOptions{})
			err = b.explain("look", err)
			want := fmt.Sprintf("look: the certificate of the API server at %s can't be trusted: ", server.URL)
			if wire.CodeOf(err) != wire.CodeFailed || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, of code %q, want %s…%s", err, wire.CodeOf(err), want, test.want)
			}
		})
	}
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "a": "a", "a\nb": "a; b", "a\n\n\n b\r\n": "a; b", "\n": "", "a b": "a b", "\ta\n\t\n\tb": "a; b",
	} {
		if got := wire.OneLine(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
