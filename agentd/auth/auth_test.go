package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gascity/agentd/agentd/wire"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	key, second, stranger := newKey(t), newKey(t), newKey(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := verifier(t, key, second)
	kid := wire.KeyID(key.public)
	spoil := func(token string) string { // another role under the same signature
		part := strings.Split(token, ".")
		part[1] = strings.Split(key.sign(t, with("role", "viewer")), ".")[1]
		return strings.Join(part, ".")
	}
	raw := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

	tests := []struct {
		name  string
		token string
		want  string // in the error; "" means accepted
	}{
		{"a good token", key.sign(t, good()), ""},
		{"a good token of the second key", second.sign(t, good()), ""},
		{"a viewer's", key.sign(t, with("role", "viewer")), ""},
		{"the audience as a bare string", key.sign(t, with("aud", audience)), ""},
		{"further claims are passed over", key.sign(t, with("iss", "someone")), ""},

		{"no token", "", "malformed"},
		{"garbage", "garbage", "malformed"},
		{"three parts of garbage", "a.b.c", "malformed"},
		{"a token that is too long", strings.Repeat("a", maxToken+1), "limit"},
		{"another key", stranger.sign(t, good()), "not among the public keys"},
		{"another key under a known key's name", sign(t, jwt.SigningMethodEdDSA, stranger.private, kid, good()), "signature is invalid"},
		{"one key under the other's name", sign(t, jwt.SigningMethodEdDSA, second.private, kid, good()), "signature is invalid"},
		{"no key named", sign(t, jwt.SigningMethodEdDSA, key.private, "", good()), "names no key"},
		{"claims changed after signing", spoil(key.sign(t, good())), "signature is invalid"},
		{"no signature", strings.Join(append(strings.Split(key.sign(t, good()), ".")[:2], ""), "."), "signature is invalid"},

		{"alg none", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, good()), "signing method none is invalid"},
		{"alg None, spelled to slip by", raw(`{"alg":"None","kid":"`+kid+`"}`) + "." + raw("{}") + ".", "unavailable"},
		{"HS256 with the public key as secret", sign(t, jwt.SigningMethodHS256, []byte(key.public), kid, good()), "signing method HS256 is invalid"},
		{"HS256 with the PEM as secret", sign(t, jwt.SigningMethodHS256, pemOf(t, key.public), kid, good()), "signing method HS256 is invalid"},
		{"RS256", sign(t, jwt.SigningMethodRS256, rsaKey, kid, good()), "signing method RS256 is invalid"},

		{"another audience", key.sign(t, with("aud", []string{"local/abc/2"})), "invalid audience"},
		{"a prefix of the audience", key.sign(t, with("aud", []string{"local/abc"})), "invalid audience"},
		{"several audiences", key.sign(t, with("aud", []string{audience, "other"})), "not for this session alone"},
		{"no audience", key.sign(t, with("aud", nil)), "aud claim is required"},

		{"within the skew after its end", key.sign(t, life(-89*time.Second, time.Minute)), ""},
		{"expired", key.sign(t, life(-91*time.Second, time.Minute)), "expired"},
		{"within the skew before its start", key.sign(t, life(30*time.Second, time.Minute)), ""},
		{"not yet valid", key.sign(t, life(31*time.Second, time.Minute)), "not valid yet"},
		{"issued in the future", key.sign(t, with("iat", now.Add(31*time.Second).Unix())), "used before issued"},
		{"the longest life", key.sign(t, life(0, wire.TokenMaxLife)), ""},
		{"a life too long", key.sign(t, life(0, wire.TokenMaxLife+time.Second)), "lives longer than 5m0s"},
		{"a life beyond all numbers", key.sign(t, with("exp", 1e300)), "token"},
		{"a life that ends before it begins", key.sign(t, with("exp", now.Add(-time.Second).Unix())), "expires before it is issued"},
		{"no end", key.sign(t, with("exp", nil)), "exp claim is required"},
		{"no start", key.sign(t, with("nbf", nil)), "nbf claim is required"},
		{"no time of issue", key.sign(t, with("iat", nil)), "no time of issue"},

		{"no id", key.sign(t, with("jti", nil)), "no id"},
		{"an empty id", key.sign(t, with("jti", "")), "no id"},
		{"an endless id", key.sign(t, with("jti", strings.Repeat("j", maxID+1))), "no id, or a longer one"},
		{"no role", key.sign(t, with("role", nil)), `has role ""`},
		{"an unknown role", key.sign(t, with("role", "root")), `has role "root"`},
		{"a role of the wrong type", key.sign(t, with("role", 1)), "malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := v.Verify(tt.token)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if c.ID == "" || c.Role == "" {
					t.Errorf("claims %+v", c)
				}
				if _, err := v.Verify(tt.token); err == nil || !strings.Contains(err.Error(), "used before") {
					t.Errorf("a replay gave %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %+v, %v; want an error with %q", c, err, tt.want)
			}
			if c != (Claims{}) {
				t.Errorf("claims %+v come with the error", c)
			}
			if len(tt.token) > 10 && strings.Contains(err.Error(), tt.token) {
				t.Error("the error holds the token")
			}
		})
	}
}

func TestATokenShownManyTimesAtOnceIsAcceptedOnce(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	v, _ := verifier(t, key)
	for range 20 {
		token := key.sign(t, good())
		var accepted atomic.Int32
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if _, err := v.Verify(token); err == nil {
					accepted.Add(1)
				}
			})
		}
		wg.Wait()
		if n := accepted.Load(); n != 1 {
			t.Fatalf("accepted %d times", n)
		}
	}
}

func TestKeysRotateWithoutARestart(t *testing.T) {
	t.Parallel()
	first, second := newKey(t), newKey(t)
	v, c := verifier(t, first)
	if _, err := v.Verify(second.sign(t, good())); err == nil {
		t.Fatal("a key was accepted before it was published")
	}
	publish(t, c.PublicKeys, second, first)
	for _, key := range []testKey{first, second} {
		if _, err := v.Verify(key.sign(t, good())); err != nil {
			t.Fatalf("with both published: %v", err)
		}
	}
	publish(t, c.PublicKeys, second)
	if _, err := v.Verify(first.sign(t, good())); err == nil {
		t.Error("the old key is accepted after it was withdrawn")
	}
	if _, err := v.Verify(second.sign(t, good())); err != nil {
		t.Errorf("the new key is refused: %v", err)
	}
	if err := os.Remove(c.PublicKeys); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(second.sign(t, good())); err == nil {
		t.Error("accepted with no public keys left")
	}
	publish(t, c.PublicKeys, first)
	if _, err := v.Verify(first.sign(t, good())); err != nil {
		t.Errorf("refused after the file came back: %v", err)
	}
}

func TestAKeyFileRewrittenInPlaceWithinTheSameTickIsSeen(t *testing.T) {
	t.Parallel()
	first, second := newKey(t), newKey(t)
	name := filepath.Join(t.TempDir(), "public.pem")
	f := &keyFile{name: name, now: time.Now}
	tick := time.Now()
	for _, key := range []testKey{first, second} {
		if err := os.WriteFile(name, pemOf(t, key.public), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, tick, tick); err != nil {
			t.Fatal(err)
		}
		keys, err := f.read()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := keys[wire.KeyID(key.public)]; !ok {
			t.Error("the file's new key is not seen")
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	der, err := x509.MarshalPKCS8PrivateKey(key.private)
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	tests := []struct {
		name     string
		text     []byte
		audience string
		want     string
	}{
		{"no audience", pemOf(t, key.public), "", "no audience"},
		{"no file", nil, audience, "no such file"},
		{"an empty file", []byte{}, audience, "no public key"},
		{"garbage", []byte("garbage"), audience, "no public key"},
		{"a private key", private, audience, "only public keys belong there"},
		{"an RSA key", pemOf(t, &rsaKey.PublicKey), audience, "only Ed25519 keys"},
		{"a good key and an RSA key", append(pemOf(t, key.public), pemOf(t, &rsaKey.PublicKey)...), audience, "only Ed25519 keys"},
		{"an endless file", make([]byte, maxKeyFile+1), audience, "over 262144 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c := Config{Audience: tt.audience, PublicKeys: filepath.Join(dir, "public.pem"), Dir: dir}
			if tt.text != nil {
				if err := os.WriteFile(c.PublicKeys, tt.text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := New(c); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestFromRequest(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	v, _ := verifier(t, key)
	tests := []struct {
		name    string
		headers func() []string
		ok      bool
	}{
		{"no header", func() []string { return nil }, false},
		{"a bearer token", func() []string { return []string{"Bearer " + key.sign(t, good())} }, true},
		{"the scheme in other letters", func() []string { return []string{"bearer " + key.sign(t, good())} }, true},
		{"another scheme", func() []string { return []string{"Basic " + key.sign(t, good())} }, false},
		{"the token alone", func() []string { return []string{key.sign(t, good())} }, false},
		{"the scheme alone", func() []string { return []string{"Bearer"} }, false},
		{"two headers", func() []string { return []string{"Bearer " + key.sign(t, good()), "Bearer " + key.sign(t, good())} }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{Header: http.Header{"Authorization": tt.headers()}}
			if _, err := v.FromRequest(r); (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	key := newKey(f)
	v, _ := verifier(f, key)
	f.Add(key.sign(f, good()))
	f.Add(sign(f, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, wire.KeyID(key.public), good()))
	f.Add("")
	f.Add("..")
	f.Add("eyJhbGciOiJFZERTQSJ9.e30.")
	f.Add(fmt.Sprintf("%s.%s.%s", "eyJhbGciOiJFZERTQSIsImtpZCI6W119", "e30", "AAAA"))
	seen := map[string]bool{}
	f.Fuzz(func(t *testing.T, token string) {
		c, err := v.Verify(token)
		if err == nil && (seen[c.ID] || !strings.Contains(token, ".")) {
			t.Errorf("accepted %q", token)
		}
		seen[c.ID] = true
	})
}

func BenchmarkVerify(b *testing.B) {
	key := newKey(b)
	v, _ := verifier(b, key)
	tokens := make([]string, b.N)
	for i := range tokens {
		tokens[i] = key.sign(b, good())
	}
	b.ResetTimer()
	for i := range b.N {
		if _, err := v.Verify(tokens[i]); err != nil {
			b.Fatal(err)
		}
	}
}
