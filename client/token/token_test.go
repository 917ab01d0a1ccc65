package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gascity/agentd/agentd/wire"
)

// helperEnv makes the test binary a process that opens the folder it names and prints the id of the key found there.
const helperEnv = "AGENTD_TEST_TOKEN_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperEnv); dir != "" {
		s, err := Open(dir)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Print(wire.KeyID(s.key.Public().(ed25519.PublicKey)))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func keysDir(t *testing.T) string { return filepath.Join(t.TempDir(), "keys") }

func mustOpen(t *testing.T, dir string) *Signer {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// verify reads a minted token with the published keys.
func verify(t *testing.T, s *Signer, minted string) (claims, *jwt.Token) {
	t.Helper()
	keys, err := readPublic(s.PublicKeys())
	if err != nil {
		t.Fatal(err)
	}
	var c claims
	token, err := jwt.ParseWithClaims(minted, &c, func(token *jwt.Token) (any, error) {
		for _, k := range keys {
			if wire.KeyID(k) == token.Header["kid"] {
				return k, nil
			}
		}
		return nil, fmt.Errorf("key %v is not published", token.Header["kid"])
	}, jwt.WithValidMethods([]string{"EdDSA"}))
	if err != nil {
		t.Fatal(err)
	}
	return c, token
}

func TestMint(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, keysDir(t))
	before := time.Now().Truncate(time.Second)
	minted, err := s.Mint("local/abc/1", wire.RoleViewer)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := verify(t, s, minted)
	if len(c.Audience) != 1 || c.Audience[0] != "local/abc/1" || c.Role != wire.RoleViewer || c.ID == "" {
		t.Errorf("claims %+v", c)
	}
	if c.IssuedAt.Before(before) || !c.NotBefore.Equal(c.IssuedAt.Time) || c.ExpiresAt.Sub(c.IssuedAt.Time) != wire.TokenLife {
		t.Errorf("times %v %v %v", c.IssuedAt, c.NotBefore, c.ExpiresAt)
	}
	again, err := s.Mint("local/abc/1", wire.RoleViewer)
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := verify(t, s, again); d.ID == c.ID {
		t.Errorf("two tokens share the id %s", c.ID)
	}
	for _, bad := range []struct {
		audience string
		role     wire.Role
	}{{"", wire.RoleViewer}, {"a", ""}, {"a", "root"}} {
		if _, err := s.Mint(bad.audience, bad.role); err == nil {
			t.Errorf("minted for audience %q, role %q", bad.audience, bad.role)
		}
	}
}

func TestFilesAreTheUsersAlone(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, keysDir(t))
	for _, name := range []string{s.signing(), s.PublicKeys()} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
	}
	if text, err := os.ReadFile(s.PublicKeys()); err != nil || strings.Contains(string(text), "PRIVATE") {
		t.Errorf("public keys: %v %q", err, text)
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, ".new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestManyProcessesMakeOneKey(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := keysDir(t)
	ids := make([]string, 20)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), helperEnv+"="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("process %d: %v: %s", i, err, out)
			}
			ids[i] = string(out)
		})
	}
	wg.Wait()
	want := wire.KeyID(mustOpen(t, dir).key.Public().(ed25519.PublicKey))
	for i, id := range ids {
		if id != want {
			t.Errorf("process %d has key %q, the file %q", i, id, want)
		}
	}
}

func TestARemovedKeyIsReplacedAndNoLongerTrusted(t *testing.T) {
	t.Parallel()
	dir := keysDir(t)
	hub, other := mustOpen(t, dir), mustOpen(t, dir)
	old := wire.KeyID(hub.key.Public().(ed25519.PublicKey))
	if err := os.Remove(hub.signing()); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Signer{other, hub} { // the hub was running all along
		minted, err := s.Mint("a", wire.RoleViewer)
		if err != nil {
			t.Fatal(err)
		}
		verify(t, s, minted)
	}
	keys, err := readPublic(hub.PublicKeys())
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != 1 || wire.KeyID(keys[0]) == old {
		t.Errorf("the removed key is still published")
	}
}

func TestLostPublicKeysAreWrittenAgain(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(string) error{
		"removed": os.Remove,
		"garbage": func(name string) error { return os.WriteFile(name, []byte("garbage"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := keysDir(t)
			if err := spoil(mustOpen(t, dir).PublicKeys()); err != nil {
				t.Fatal(err)
			}
			s := mustOpen(t, dir)
			minted, err := s.Mint("a", wire.RoleViewer)
			if err != nil {
				t.Fatal(err)
			}
			verify(t, s, minted)
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	foreign := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	tests := []struct {
		name  string
		spoil func(key string) error
		want  string
	}{
		{"a key that others may read", func(key string) error { return os.Chmod(key, 0o640) }, "open to other users (mode 0640): run chmod 600 on it"},
		{"garbage", func(key string) error { return os.WriteFile(key, []byte("garbage"), 0o600) }, "holds no Ed25519 private key in PEM"},
		{"an empty file", func(key string) error { return os.Truncate(key, 0) }, "holds no Ed25519 private key in PEM"},
		{"a key of another kind", func(key string) error { return os.WriteFile(key, foreign, 0o600) }, "holds no Ed25519 private key in PEM"},
		{"a link", func(key string) error {
			if err := os.Rename(key, key+".real"); err != nil {
				return err
			}
			return os.Symlink(key+".real", key)
		}, "signing.pem"},
		{"a pipe", func(key string) error {
			if err := os.Remove(key); err != nil {
				return err
			}
			return syscall.Mkfifo(key, 0o600)
		}, "is not a file"},
		{"a folder open to others", func(key string) error { return os.Chmod(filepath.Dir(key), 0o755) }, "run chmod 700 on it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := keysDir(t)
			if err := tt.spoil(mustOpen(t, dir).signing()); err != nil {
				t.Fatal(err)
			}
			_, err := Open(dir)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, tt.want)
			}
		})
	}
}

func TestAKeyOfSomeoneElseIsRefused(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, keysDir(t))
	if err := checkKeyFile(s.signing(), s.info, os.Geteuid()); err != nil {
		t.Errorf("own key refused: %v", err)
	}
	if err := checkKeyFile(s.signing(), s.info, os.Geteuid()+1); err == nil || !strings.Contains(err.Error(), "belongs to uid") {
		t.Errorf("got %v for the key of another user", err)
	}
}
