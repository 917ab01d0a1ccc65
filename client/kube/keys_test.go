package kube

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/hub"
)

// secretAPI is an API server that keeps one Secret.
type secretAPI struct {
	mu      sync.Mutex
	secret  *corev1.Secret
	looked  int
	refused int               // creations, as it was there already
	fault   func() (int, any) // what it answers instead, if not nil
	missed  func()            // called before it answers that there is none
}

func (s *secretAPI) answer(r *http.Request, body []byte) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.fault != nil:
		return s.fault()
	case r.Method == http.MethodPost && s.secret != nil:
		s.refused++
		return refusal(http.StatusConflict, metav1.StatusReasonAlreadyExists, "there is one")
	case r.Method == http.MethodPost:
		s.secret = &corev1.Secret{}
		if err := json.Unmarshal(body, s.secret); err != nil {
			return refusal(http.StatusBadRequest, metav1.StatusReasonBadRequest, err.Error())
		}
		return http.StatusCreated, s.secret
	}
	s.looked++
	if s.secret != nil {
		return http.StatusOK, s.secret
	}
	if s.missed != nil {
		s.mu.Unlock()
		s.missed()
		s.mu.Lock()
	}
	return refusal(http.StatusNotFound, metav1.StatusReasonNotFound, `secrets "agentd-keys" not found`)
}

func (s *secretAPI) replace(t *testing.T) {
	t.Helper()
	secret, err := newSecret()
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secret = secret
}

// checkToken verifies a token as a pod's agentd would, which mounts the public key of the Secret.
func (s *secretAPI) checkToken(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	public, err := jwt.ParseEdPublicKeyFromPEM(s.secret.Data[publicKey])
	if err != nil {
		return err
	}
	claims := jwt.MapClaims{}
	_, err = jwt.ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return public, nil }, jwt.WithAudience("kube/gc/p/1"))
	if err == nil && claims["role"] != string(wire.RoleOperator) {
		err = fmt.Errorf("the role is %v", claims["role"])
	}
	return err
}

func checkMinted(t *testing.T, b *Backend, s *secretAPI) {
	t.Helper()
	text, err := b.Token("kube/gc/p/1")
	if err == nil {
		err = s.checkToken(text)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestTwoThatMakeTheKeysAtOnceShareThem(t *testing.T) {
	t.Parallel()
	var both sync.WaitGroup // have seen that there are none
	both.Add(2)
	server := &secretAPI{missed: func() { both.Done(); both.Wait() }}
	var making sync.WaitGroup
	for range 2 {
		b := newBackend(t, api(server.answer))
		making.Go(func() { checkMinted(t, b, server) })
	}
	making.Wait()
	if server.refused != 1 {
		t.Errorf("%d were told that there are keys already, want one", server.refused)
	}
	if server.secret.Labels["app.kubernetes.io/managed-by"] != "agentd" || len(server.secret.Data) != 2 {
		t.Errorf("got %+v", server.secret)
	}
}

func TestReplacedKeysAreUsedWithinAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &secretAPI{}
		b := newBackend(t, api(server.answer))
		checkMinted(t, b, server)
		looked := server.looked
		time.Sleep(keyAge - time.Second)
		checkMinted(t, b, server)
		if server.looked != looked {
			t.Errorf("looked %d times again at keys just read", server.looked-looked)
		}
		server.replace(t)
		time.Sleep(time.Second)
		checkMinted(t, b, server)
	})
}

func TestKeysThatCantBeReadAgainStillServe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &secretAPI{}
		b := newBackend(t, api(server.answer))
		checkMinted(t, b, server)
		server.fault = func() (int, any) { return refusal(http.StatusForbidden, metav1.StatusReasonForbidden, "no") }
		time.Sleep(2 * keyAge)
		checkMinted(t, b, server)
		server.fault = nil
		server.replace(t)
		time.Sleep(keyRetry)
		checkMinted(t, b, server)
	})
}

func TestKeysThatCantBeHadAreToldInOneLine(t *testing.T) {
	t.Parallel()
	const remedy = ": there is no Ed25519 private key in PEM: delete the secret, and a new one will be made"
	broken := func(data map[string][]byte) *secretAPI {
		return &secretAPI{secret: &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: keysSecret, Namespace: "gc"}, Data: data}}
	}
	public, err := newSecret()
	if err != nil {
		t.Fatal(err)
	}
	forbidden := func(text string) *secretAPI {
		return &secretAPI{fault: func() (int, any) { return refusal(http.StatusForbidden, metav1.StatusReasonForbidden, text) }}
	}
	for name, test := range map[string]struct {
		server *secretAPI
		code   wire.Code
		want   string
	}{
		"an empty Secret":  {broken(nil), wire.CodeFailed, `secret "agentd-keys" in namespace "gc", key "private.pem"` + remedy},
		"another's Secret": {broken(map[string][]byte{privateKey: []byte("hello\n")}), wire.CodeFailed, `secret "agentd-keys" in namespace "gc", key "private.pem"` + remedy},
		"a public key in its place": {
			broken(map[string][]byte{privateKey: public.Data[publicKey]}), wire.CodeFailed, `secret "agentd-keys" in namespace "gc", key "private.pem"` + remedy,
		},
		"no right to read it": {
			forbidden(`secrets "agentd-keys" is forbidden: User "me" cannot get resource "secrets"`), wire.CodeFailed,
			`read the keys of agents (secret "agentd-keys"): secrets "agentd-keys" is forbidden: User "me" cannot get resource "secrets" (the role agentd-operator of deploy/ allows it)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t, api(test.server.answer))
			_, err := b.Token("kube/gc/p/1")
			checkExplained(t, err, test.code, test.want)
		})
	}
}

func TestAPIServerThatIsSilentDoesNotHoldUpAStartForItsKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t, silent{})
		began := time.Now()
		_, err := b.Create(t.Context(), hub.Spec{Name: "mayor", BaseEnv: []string{"GC_K8S_IMAGE=i"}})
		if wire.CodeOf(err) != wire.CodeUnavailable || !strings.HasPrefix(err.Error(), `read the keys of agents (secret "agentd-keys"): the API server at `) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != keyTime {
			t.Errorf("it took %v, want %v", took, keyTime)
		}
	})
}
