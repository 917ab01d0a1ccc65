package kube

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/hub"
)

// starts are what an API server that keeps one Secret is asked to do with pods.
type starts struct {
	secrets       *secretAPI
	made, removed atomic.Int32
	slow          time.Duration // what it takes to read the Secret
}

func (s *starts) answer(r *http.Request, body []byte) (int, any) {
	switch {
	case strings.Contains(r.URL.Path, "/secrets"):
		if r.Method == http.MethodGet {
			time.Sleep(s.slow)
		}
		return s.secrets.answer(r, body)
	case r.Method == http.MethodPost:
		var pod corev1.Pod
		if err := json.Unmarshal(body, &pod); err != nil {
			return refusal(http.StatusBadRequest, metav1.StatusReasonBadRequest, err.Error())
		}
		pod.UID = types.UID(fmt.Sprint(s.made.Add(1)))
		return http.StatusCreated, &pod
	case r.Method == http.MethodDelete:
		s.removed.Add(1)
		return http.StatusOK, metav1.Status{}
	}
	return refusal(http.StatusNotFound, metav1.StatusReasonNotFound, "not found")
}

// create makes a session's pod, which is enough of a start.
func create(t *testing.T, b *Backend, name string) error {
	t.Helper()
	ep, err := b.Create(t.Context(), hub.Spec{Name: name, BaseEnv: []string{"GC_K8S_IMAGE=i"}})
	if err == nil {
		ep.(*endpoint).endMaking()
	}
	return err
}

func (s *secretAPI) change(change func(*corev1.Secret) *corev1.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secret = change(s.secret)
}

func TestAStartMakesASecretThatWasDeletedJustNow(t *testing.T) {
	t.Parallel()
	s := &starts{secrets: &secretAPI{}}
	b := newBackend(t, api(s.answer))
	if err := create(t, b, "before"); err != nil {
		t.Fatal(err)
	}
	s.secrets.change(func(*corev1.Secret) *corev1.Secret { return nil })
	if err := create(t, b, "after"); err != nil {
		t.Fatal(err)
	}
	if s.secrets.secret == nil {
		t.Fatal("no pod could mount it")
	}
	checkMinted(t, b, s.secrets)
	if made, removed := s.made.Load(), s.removed.Load(); made != 2 || removed != 0 {
		t.Errorf("%d pods were made and %d removed", made, removed)
	}
}

// The Secret is as somebody has changed it by hand, before this process saw it or after.
func TestAStartSaysWhyNoPodCanUseTheSecret(t *testing.T) {
	t.Parallel()
	other, err := newSecret()
	if err != nil {
		t.Fatal(err)
	}
	const text = `secret "agentd-keys" in namespace "gc", key `
	const noPublic = text + `"public.pem": it lacks the public half of key "private.pem", so no agent would believe a token: delete the secret, and a new one will be made`
	with := func(key string, value []byte) func(*corev1.Secret) *corev1.Secret {
		return func(secret *corev1.Secret) *corev1.Secret {
			secret = secret.DeepCopy()
			secret.Namespace = "gc"
			secret.Data[key] = value
			if value == nil {
				delete(secret.Data, key)
			}
			return secret
		}
	}
	for name, test := range map[string]struct {
		change func(*corev1.Secret) *corev1.Secret
		want   string
	}{
		"no public key":       {with(publicKey, nil), noPublic},
		"an empty public key": {with(publicKey, []byte{}), noPublic},
		"another public key":  {with(publicKey, other.Data[publicKey]), noPublic},
		"no private key":      {with(privateKey, nil), text + `"private.pem": there is no Ed25519 private key in PEM: delete the secret, and a new one will be made`},
		"two public keys": {change: func(secret *corev1.Secret) *corev1.Secret {
			return with(publicKey, slices.Concat(other.Data[publicKey], secret.Data[publicKey]))(secret)
		}},
	} {
		for when, before := range map[string]bool{"changed before": true, "changed later": false} {
			t.Run(name+", "+when, func(t *testing.T) {
				t.Parallel()
				s := &starts{secrets: &secretAPI{}}
				s.secrets.replace(t)
				b := newBackend(t, api(s.answer))
				if !before {
					checkMinted(t, b, s.secrets)
				}
				s.secrets.change(test.change)
				err := create(t, b, "s")
				if test.want == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				checkExplained(t, err, wire.CodeFailed, test.want)
				if made, removed := s.made.Load(), s.removed.Load(); made != removed || before && made != 0 {
					t.Errorf("%d pods were made and %d removed", made, removed)
				}
				if keys, err := b.ExamineKeys(t.Context()); err != nil || keys.Unfit == nil || keys.Unfit.Error() != test.want {
					t.Errorf("examined: %+v, %v", keys, err)
				}
				// One that can be used again is.
				s.secrets.replace(t)
				if err := create(t, b, "s"); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestAStartGoesOnWithASecretThatCannotBeReadJustNow(t *testing.T) {
	t.Parallel()
	s := &starts{secrets: &secretAPI{}}
	b := newBackend(t, api(s.answer))
	checkMinted(t, b, s.secrets)
	s.secrets.fault = func() (int, any) {
		return refusal(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "busy")
	}
	if err := create(t, b, "s"); err != nil {
		t.Error(err)
	}
	checkMinted(t, b, s.secrets)
}

func TestAStartThatMayNotMakeTheSecretSaysSoAndLeavesNoPod(t *testing.T) {
	t.Parallel()
	s := &starts{secrets: &secretAPI{}}
	const no = `secrets is forbidden: User "me" cannot create resource "secrets"`
	b := newBackend(t, api(func(r *http.Request, body []byte) (int, any) {
		if r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/secrets") {
			return refusal(http.StatusForbidden, metav1.StatusReasonForbidden, no)
		}
		return s.answer(r, body)
	}))
	s.secrets.replace(t)
	checkMinted(t, b, s.secrets)
	s.secrets.change(func(*corev1.Secret) *corev1.Secret { return nil })
	checkExplained(t, create(t, b, "s"), wire.CodeFailed, `make the keys of agents (secret "agentd-keys"): `+no+` (the role agentd-operator of deploy/ allows it)`)
	if made, removed := s.made.Load(), s.removed.Load(); made != 1 || removed != 1 {
		t.Errorf("%d pods were made and %d removed", made, removed)
	}
}

func TestStartsAtOnceShareALookAtTheSecret(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &starts{secrets: &secretAPI{}, slow: time.Second}
		b := newBackend(t, api(s.answer))
		checkMinted(t, b, s.secrets)
		looked, began := s.secrets.looked, time.Now()
		var starting sync.WaitGroup
		for i := range 20 {
			starting.Go(func() {
				if err := create(t, b, string(rune('a'+i))); err != nil {
					t.Error(err)
				}
			})
		}
		starting.Wait()
		if looks := s.secrets.looked - looked; looks < 1 || looks > 2 || time.Since(began) > 2*s.slow {
			t.Errorf("it was read %d times, in %v", looks, time.Since(began))
		}
		looked = s.secrets.looked
		if err := create(t, b, "later"); err != nil || s.secrets.looked != looked+1 {
			t.Errorf("a later start read it %d times, %v", s.secrets.looked-looked, err)
		}
	})
}

// hung is an API server whose reading of the Secret never ends, once it is told so.
type hung struct {
	starts
	hangs atomic.Bool
}

// RoundTrip answers one request.
func (h *hung) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.hangs.Load() && strings.Contains(r.URL.Path, "/secrets") {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return api(h.answer).RoundTrip(r)
}

func TestAReadingOfTheSecretThatHangsHoldsUpNobodyWhoHasAKey(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		age    time.Duration // of the key
		tokens time.Duration // what they take
	}{
		"a fresh key":                  {0, 0},
		"a key that is to be read now": {keyAge, keyTime},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := &hung{starts: starts{secrets: &secretAPI{}}}
				b := newBackend(t, h)
				checkMinted(t, b, h.secrets)
				time.Sleep(test.age)
				h.hangs.Store(true)
				began := time.Now()
				var starting, minting sync.WaitGroup
				for i := range 5 {
					starting.Go(func() {
						if err := create(t, b, string(rune('a'+i))); err != nil {
							t.Error(err)
						}
					})
				}
				synctest.Wait()
				for range 5 {
					minting.Go(func() { checkMinted(t, b, h.secrets) })
				}
				if minting.Wait(); time.Since(began) != test.tokens {
					t.Errorf("tokens took %v, want %v", time.Since(began), test.tokens)
				}
				if starting.Wait(); time.Since(began) > keyTime {
					t.Errorf("starts took %v", time.Since(began))
				}
				if made, removed := h.made.Load(), h.removed.Load(); made != 5 || removed != 0 {
					t.Errorf("%d pods were made and %d removed", made, removed)
				}
				checkMinted(t, b, h.secrets)
				if took := time.Since(began); took > keyTime {
					t.Errorf("a token afterwards came %v after", took)
				}
			})
		})
	}
}
