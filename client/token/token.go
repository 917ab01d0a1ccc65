// Package token holds the client's signing key and mints the tokens that agentd asks for.
//
// The private key stays in one file of this user (0600). What agentd gets is its public half in the file beside it: nothing in a session can
// speak for the client.
package token

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/paths"
)

// Signer mints tokens with the key of a folder. It follows the key when another process replaces it. It is safe for concurrent use, and
// several processes may use one folder.
type Signer struct {
	dir string

	mu   sync.Mutex
	info os.FileInfo // of the signing key's file when key was read
	key  ed25519.PrivateKey
}

// Open gives the signer of a folder, and makes the folder and a key where there is none.
func Open(dir string) (*Signer, error) {
	if err := paths.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("signing key's folder: %w", err)
	}
	s := &Signer{dir: dir}
	if _, err := s.current(); err != nil {
		return nil, err
	}
	return s, nil
}

// PublicKeys is the file of the key's public half in PEM, for agentd's --public-keys. It changes with the key.
func (s *Signer) PublicKeys() string { return filepath.Join(s.dir, "public.pem") }

// Mint makes a token for one upgrade request to the session with that audience. It lives wire.TokenLife.
func (s *Signer) Mint(audience string, role wire.Role) (string, error) {
	key, err := s.current()
	if err != nil {
		return "", err
	}
	return mint(key, audience, role)
}

func mint(key ed25519.PrivateKey, audience string, role wire.Role) (string, error) {
	if audience == "" {
		return "", fmt.Errorf("mint a token: no audience")
	}
	if role != wire.RoleViewer && role != wire.RoleOperator {
		return "", fmt.Errorf("mint a token: unknown role %q", role)
	}
	now := time.Now()
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		Role: role,
		RegisteredClaims: jwt.RegisteredClaims{
			ID:        rand.Text(),
			Audience:  jwt.ClaimStrings{audience},
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(wire.TokenLife)),
		},
	})
	t.Header["kid"] = wire.KeyID(key.Public().(ed25519.PublicKey))
	signed, err := t.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("mint a token: %w", err)
	}
	return signed, nil
}

type claims struct {
	Role wire.Role `json:"role"`
	jwt.RegisteredClaims
}

func (s *Signer) signing() string { return filepath.Join(s.dir, "signing.pem") }
