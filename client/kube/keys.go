package kube

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/token"
)

const (
	// keyAge is how long a key is used without looking whether it was replaced.
	keyAge = time.Minute
	// keyRetry is how long it is used further when it could not be looked.
	keyRetry = 10 * time.Second
	// keyTime bounds the reading of a key.
	keyTime = 5 * time.Second
)

// keys is the namespace's signing key: who may read the Secret may drive its agents.
type keys struct {
	backend *Backend
	turn    chan struct{} // holds one token while somebody uses what follows

	key   token.Key
	until time.Time // when it is to be read again; zero: there is none yet
}

func newKeys(b *Backend) *keys { return &keys{backend: b, turn: make(chan struct{}, 1)} }

// Token mints a token for the session with that audience.
func (b *Backend) Token(audience string) (string, error) {
	key, err := b.keys.current(b.ctx)
	if err != nil {
		return "", err
	}
	return key.Mint(audience, wire.RoleOperator)
}

// current gives the key, as it was within the last minute. However many ask at once, none waits longer than keyTime, and the API server is asked once.
func (k *keys) current(ctx context.Context) (token.Key, error) {
	ctx, cancel := context.WithTimeout(ctx, keyTime)
	defer cancel()
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return token.Key{}, k.backend.explain(readKeys, ctx.Err())
	}
	if time.Now().Before(k.until) {
		return k.key, nil
	}
	key, err := k.establish(ctx)
	if err != nil && !k.until.IsZero() {
		k.until = time.Now().Add(keyRetry)
		return k.key, nil // it most likely still is the one
	}
	if err != nil {
		return token.Key{}, err
	}
	k.key, k.until = key, time.Now().Add(keyAge)
	return key, nil
}

// readKeys is what is done when the Secret is read, for errors.
var readKeys = fmt.Sprintf("read the keys of agents (secret %q)", keysSecret)

// establish reads the Secret, and makes it where there is none. Of several who make it at once, the first one's counts.
func (k *keys) establish(ctx context.Context) (token.Key, error) {
	b := k.backend
	secrets := b.client.core.Secrets(b.target.Namespace)
	for {
		secret, err := secrets.Get(ctx, keysSecret, metav1.GetOptions{})
		if err == nil {
			return parseSecret(secret)
		}
		if !apierrors.IsNotFound(err) {
			return token.Key{}, b.explain(readKeys, err)
		}
		secret, err = newSecret()
		if err != nil {
			return token.Key{}, err
		}
		_, err = secrets.Create(ctx, secret, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return token.Key{}, b.explain(fmt.Sprintf("make the keys of agents (secret %q)", keysSecret), err)
		}
	}
}

func newSecret() (*corev1.Secret, error) {
	key, err := token.NewKey()
	if err != nil {
		return nil, err
	}
	private, err := key.PrivatePEM()
	if err != nil {
		return nil, err
	}
	public, err := key.PublicPEM()
	if err != nil {
		return nil, err
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: keysSecret, Labels: map[string]string{"app.kubernetes.io/managed-by": "agentd"}},
		Type:       corev1.SecretTypeOpaque,
		Data:       map[string][]byte{privateKey: private, publicKey: public},
	}, nil
}

func parseSecret(secret *corev1.Secret) (token.Key, error) {
	key, err := token.ParseKey(secret.Data[privateKey])
	if err != nil {
		return token.Key{}, wire.Errorf(wire.CodeFailed, "secret %q in namespace %q, key %q: %v: delete the secret, and a new one will be made", keysSecret, secret.Namespace, privateKey, err)
	}
	return key, nil
}
