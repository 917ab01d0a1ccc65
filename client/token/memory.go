package token

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/gascity/agentd/agentd/wire"
)

// Key is a signing key that lives elsewhere than in a folder of this user: in a Secret, say.
type Key struct{ private ed25519.PrivateKey }

// NewKey makes a key.
func NewKey() (Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("make a signing key: %w", err)
	}
	return Key{private}, nil
}

// ParseKey reads a key that PrivatePEM wrote.
func ParseKey(text []byte) (Key, error) {
	private, ok := parseKey(text)
	if !ok {
		return Key{}, fmt.Errorf("there is no Ed25519 private key in PEM")
	}
	return Key{private}, nil
}

// PrivatePEM is the key itself, in PEM.
func (k Key) PrivatePEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("encode the signing key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// PublicPEM is what agentd needs to verify tokens, in PEM.
func (k Key) PublicPEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k.private.Public())
	if err != nil {
		return nil, fmt.Errorf("encode the public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// PublishedIn says whether public keys in PEM hold this one's. What can't be understood does not.
func (k Key) PublishedIn(text []byte) bool {
	keys, err := parsePublic(text)
	return err == nil && holds(keys, k.private)
}

// Mint makes a token for one upgrade request to the session with that audience. It lives wire.TokenLife.
func (k Key) Mint(audience string, role wire.Role) (string, error) {
	return mint(k.private, audience, role)
}
