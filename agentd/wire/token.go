package wire

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Role is what a token allows its bearer: the claim "role".
type Role string

// The roles. An operator may do all that a viewer may.
const (
	// RoleViewer may look: peek, activity, watch, read-only attach.
	RoleViewer Role = "viewer"
	// RoleOperator may do everything.
	RoleOperator Role = "operator"
)

// Times of a token. A token is used once, in the upgrade request that it is minted for, so its life only has to cover a slow dial.
const (
	// TokenLife is how long the client lets a token live.
	TokenLife = 60 * time.Second
	// TokenMaxLife is the longest life (exp − iat) that agentd accepts, whoever signed. It bounds how long a used token must be remembered.
	TokenMaxLife = 5 * time.Minute
	// TokenLeeway is how far the clocks of the two machines may differ.
	TokenLeeway = 30 * time.Second
)

// KeyID names a public key in a token's header ("kid"): the first 16 hex digits of the SHA-256 of its 32 bytes.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}
