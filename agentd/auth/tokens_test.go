package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gascity/agentd/agentd/wire"
)

// testKey is the client's side: a key and what a good token says.
type testKey struct {
	public  ed25519.PublicKey
	private ed25519.PrivateKey
}

func newKey(t testing.TB) testKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return testKey{public, private}
}

func pemOf(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func publish(t testing.TB, name string, keys ...testKey) {
	t.Helper()
	var text []byte
	for _, k := range keys {
		text = append(text, pemOf(t, k.public)...)
	}
	if err := os.WriteFile(name+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

const audience = "local/abc/1"

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// good gives the claims of a token that is accepted at now.
func good() jwt.MapClaims {
	return jwt.MapClaims{
		"aud": []string{audience}, "role": "operator", "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
}

func with(key string, value any) jwt.MapClaims {
	c := good()
	if value == nil {
		delete(c, key)
	} else {
		c[key] = value
	}
	return c
}

// life gives the claims of a token issued and valid from a time after now, for a time.
func life(from, length time.Duration) jwt.MapClaims {
	c := good()
	c["iat"], c["nbf"], c["exp"] = now.Add(from).Unix(), now.Add(from).Unix(), now.Add(from+length).Unix()
	return c
}

func sign(t testing.TB, method jwt.SigningMethod, key any, kid string, c jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	if kid != "" {
		token.Header["kid"] = kid
	}
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (k testKey) sign(t testing.TB, c jwt.MapClaims) string {
	t.Helper()
	return sign(t, jwt.SigningMethodEdDSA, k.private, wire.KeyID(k.public), c)
}

func verifier(t testing.TB, keys ...testKey) (*Verifier, Config) {
	t.Helper()
	dir := t.TempDir()
	c := Config{Audience: audience, PublicKeys: filepath.Join(dir, "public.pem"), Dir: dir}
	publish(t, c.PublicKeys, keys...)
	return reopen(t, c), c
}

func reopen(t testing.TB, c Config) *Verifier {
	t.Helper()
	v, err := newVerifier(c, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}
