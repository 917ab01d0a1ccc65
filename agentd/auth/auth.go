// Package auth decides who may speak to agentd: whoever shows a JWT signed by one of the client's keys, for this very session, just
// minted and never shown before.
//
// agentd holds public keys alone, so nothing in the session can speak for the client.
package auth

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gascity/agentd/agentd/wire"
)

// Limits on what a token may hold, in bytes. Those that the client mints have about 400, with an id of 26.
const (
	maxToken = 4 << 10
	maxID    = 256
)

// Config says whom to trust.
type Config struct {
	// Audience is this session's name for itself in tokens. A token must be for it and nothing else.
	Audience string
	// PublicKeys is a file with one or more Ed25519 public keys in PEM. It is read again when it changes.
	PublicKeys string
	// Dir is where the used tokens are remembered, so that the next serve knows them too.
	Dir string
	// Logger hears of trouble with the files. A refused token is the caller's to log.
	Logger *slog.Logger
}

// Verifier checks tokens. It is safe for concurrent use.
type Verifier struct {
	audience string
	keys     *keyFile
	used     *usedTokens
	parser   *jwt.Parser
}

// Claims are what a valid token says.
type Claims struct {
	// ID is the token's own, for logs.
	ID   string
	Role wire.Role
}

// New makes a verifier. The file of public keys must be there and hold a key.
func New(c Config) (*Verifier, error) { return newVerifier(c, time.Now) }

func newVerifier(c Config, now func() time.Time) (*Verifier, error) {
	if c.Audience == "" {
		return nil, fmt.Errorf("no audience: tokens for any session would do")
	}
	keys := &keyFile{name: c.PublicKeys, now: now}
	if _, err := keys.read(); err != nil {
		return nil, err
	}
	used, err := openUsed(filepath.Join(c.Dir, "used-tokens"), now, c.Logger)
	if err != nil {
		return nil, err
	}
	return &Verifier{
		audience: c.Audience,
		keys:     keys,
		used:     used,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
			jwt.WithStrictDecoding(),
			jwt.WithTimeFunc(now),
			jwt.WithLeeway(wire.TokenLeeway),
			jwt.WithExpirationRequired(),
			jwt.WithNotBeforeRequired(),
			jwt.WithIssuedAt(),
			jwt.WithAudience(c.Audience),
		),
	}, nil
}

// Close closes the file of used tokens.
func (v *Verifier) Close() error { return v.used.close() }

// FromRequest verifies the token in the request's header "Authorization: Bearer …".
func (v *Verifier) FromRequest(r *http.Request) (Claims, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return Claims{}, errors.New("no token")
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return Claims{}, errors.New("the authorization is not one bearer token")
	}
	return v.Verify(strings.TrimSpace(token))
}

// Verify checks a token and uses it up: the same token is refused from then on. An error says what is wrong for the log; the caller is
// told nothing. It never holds the token itself.
func (v *Verifier) Verify(token string) (Claims, error) {
	if len(token) > maxToken {
		return Claims{}, fmt.Errorf("token of %d bytes, limit %d", len(token), maxToken)
	}
	var c claims
	c.audience = v.audience
	if _, err := v.parser.ParseWithClaims(token, &c, v.key); err != nil {
		return Claims{}, err
	}
	// Last, so that a token which is refused for anything else is not remembered.
	if err := v.used.use(c.ID, c.ExpiresAt.Add(wire.TokenLeeway)); err != nil {
		return Claims{}, err
	}
	return Claims{ID: c.ID, Role: c.Role}, nil
}

// key finds the key that a token names. The parser has checked its algorithm by then.
func (v *Verifier) key(t *jwt.Token) (any, error) {
	id, _ := t.Header["kid"].(string)
	if id == "" {
		return nil, errors.New("the token names no key")
	}
	keys, err := v.keys.read()
	if err != nil {
		return nil, err
	}
	key, ok := keys[id]
	if !ok {
		return nil, fmt.Errorf("the token is signed with key %.64q, which is not among the public keys", id)
	}
	return ed25519.PublicKey(key), nil
}

// claims are a token's, as they are parsed. The parser calls Validate once the signature and the registered claims are right.
type claims struct {
	Role wire.Role `json:"role"`
	jwt.RegisteredClaims
	audience string
}

// Validate checks what the parser does not.
func (c *claims) Validate() error {
	switch {
	case len(c.Audience) != 1 || c.Audience[0] != c.audience:
		// The parser is content when ours is one of several: who else it is for could show it to us.
		return errors.New("the token is not for this session alone")
	case c.IssuedAt == nil:
		return errors.New("the token has no time of issue")
	case c.ExpiresAt == nil || !c.ExpiresAt.After(c.IssuedAt.Time):
		return errors.New("the token expires before it is issued")
	case c.ExpiresAt.Sub(c.IssuedAt.Time) > wire.TokenMaxLife:
		return fmt.Errorf("the token lives longer than %v", wire.TokenMaxLife)
	case c.ID == "" || len(c.ID) > maxID:
		return errors.New("the token has no id, or a longer one than is accepted")
	case c.Role != wire.RoleViewer && c.Role != wire.RoleOperator:
		return fmt.Errorf("the token has role %.64q, which is unknown", c.Role)
	}
	return nil
}
