package kube

import (
	"context"
	"fmt"
	"sync"
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
	turn    chan struct{} // holds one token while somebody looks at the Secret

	mu   sync.Mutex // no request is made under it: whoever has a key that will do goes on, however long a look takes
	last sight
}

// sight is what is known of the Secret.
type sight struct {
	begun uint64 // how many looks at it have begun
	key   token.Key
	until time.Time // when it is to be read again; zero: there is no key yet
	unfit error     // why pods could not start with it, as the last look found it; nil: they can
}

// known says that there is a key, as the Secret was seen once.
func (s sight) known() bool { return !s.until.IsZero() }

func (s sight) fresh() bool { return time.Now().Before(s.until) }

func newKeys(b *Backend) *keys { return &keys{backend: b, turn: make(chan struct{}, 1)} }

// Token mints a token for the session with that audience.
func (b *Backend) Token(audience string) (string, error) {
	key, err := b.keys.current(b.ctx)
	if err != nil {
		return "", err
	}
	return key.Mint(audience, wire.RoleOperator)
}

// seen is what is known of the Secret now.
func (k *keys) seen() sight {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}

// current gives the key, as it was within the last minute. However many ask at once, none waits longer than keyTime, and the API server is asked once.
func (k *keys) current(ctx context.Context) (token.Key, error) {
	if seen := k.seen(); seen.fresh() {
		return seen.key, nil
	}
	ctx, cancel := context.WithTimeout(ctx, keyTime)
	defer cancel()
	err := k.await(ctx)
	if err == nil {
		if !k.seen().fresh() { // nobody has looked meanwhile
			k.look(ctx)
		}
		k.leave()
	}
	switch seen := k.seen(); {
	case seen.known():
		return seen.key, nil // which most likely still is the one, if it could not be looked
	case err != nil:
		return token.Key{}, err
	default:
		return token.Key{}, seen.unfit
	}
}

// mountable makes sure that a pod can mount the Secret as it is now, however lately it was seen: it may have been deleted, or changed by hand, since. It
// is made where there is none. Of many who ask at once, all that asked before a look began share it. A Secret that was read before need not be now.
func (k *keys) mountable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, keyTime)
	defer cancel()
	before := k.seen()
	if err := k.await(ctx); err != nil {
		if k.seen().known() {
			return nil
		}
		return err
	}
	defer k.leave()
	if now := k.seen(); now.begun > before.begun && now.unfit == nil {
		return nil
	}
	read := k.look(ctx)
	now := k.seen()
	if !read && now.known() {
		return nil
	}
	return now.unfit
}

// await waits for the turn to look at the Secret.
func (k *keys) await(ctx context.Context) error {
	select {
	case k.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return k.backend.explain(readKeys, ctx.Err())
	}
}

func (k *keys) leave() { <-k.turn }

// look takes what the Secret holds, and reports whether it could be read. The caller has the turn.
func (k *keys) look(ctx context.Context) (read bool) {
	k.mu.Lock()
	k.last.begun++
	k.mu.Unlock()
	secret, read, err := k.establish(ctx)
	var key token.Key
	if err == nil {
		key, err = parseSecret(secret)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last.unfit = err; err == nil {
		k.last.key, k.last.until, k.last.unfit = key, time.Now().Add(keyAge), checkPublic(secret, key)
	} else if k.last.known() {
		k.last.until = later(k.last.until, time.Now().Add(keyRetry))
	}
	return read
}

// readKeys is what is done when the Secret is read, for errors.
var readKeys = fmt.Sprintf("read the keys of agents (secret %q)", keysSecret)

// establish reads the Secret, and makes it where there is none. Of several who make it at once, the first one's counts. Where it isn't, and can't be made, it was
// read all the same.
func (k *keys) establish(ctx context.Context) (secret *corev1.Secret, read bool, err error) {
	b := k.backend
	secrets := b.client.core.Secrets(b.target.Namespace)
	for {
		secret, err := secrets.Get(ctx, keysSecret, metav1.GetOptions{})
		if err == nil {
			return secret, true, nil
		}
		if !apierrors.IsNotFound(err) {
			return nil, false, b.explain(readKeys, err)
		}
		secret, err = newSecret()
		if err != nil {
			return nil, true, err
		}
		_, err = secrets.Create(ctx, secret, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return nil, true, b.explain(fmt.Sprintf("make the keys of agents (secret %q)", keysSecret), err)
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

// checkPublic says whether the Secret holds the public half of its key, too, which pods mount.
func checkPublic(secret *corev1.Secret, key token.Key) error {
	if key.PublishedIn(secret.Data[publicKey]) {
		return nil
	}
	return wire.Errorf(wire.CodeFailed, "secret %q in namespace %q, key %q: it lacks the public half of key %q, so no agent would believe a token: delete the secret, and a new one will be made",
		keysSecret, secret.Namespace, publicKey, privateKey)
}
