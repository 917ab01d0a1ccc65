package token

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gascity/agentd/client/lockfile"
)

// current gives the signing key, reading the file again when it is not the one read last, and making it where there is none.
func (s *Signer) current() (ed25519.PrivateKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := os.Lstat(s.signing())
	if err == nil && s.info != nil && os.SameFile(info, s.info) && info.ModTime().Equal(s.info.ModTime()) {
		return s.key, nil
	}
	key, info, err := readKey(s.signing())
	if err == nil && publishes(s.PublicKeys(), key) {
		s.key, s.info = key, info
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	lock, err := lockfile.Wait(context.Background(), filepath.Join(s.dir, "lock")) // whoever holds it writes two small files
	if err != nil {
		return nil, fmt.Errorf("lock the signing key: %w", err)
	}
	defer lock.Release()
	if key, info, err = establish(s.signing(), s.PublicKeys()); err != nil {
		return nil, err
	}
	s.key, s.info = key, info
	return key, nil
}

// establish makes what is missing of key and public key. The folder's lock is held, so another process may have done it by now.
func establish(signing, public string) (ed25519.PrivateKey, os.FileInfo, error) {
	key, info, err := readKey(signing)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, key, err = ed25519.GenerateKey(rand.Reader); err != nil {
			return nil, nil, fmt.Errorf("make a signing key: %w", err)
		}
		// Public first: whoever verifies knows the new key before the first token it signs.
		if err := writePublic(public, key); err != nil {
			return nil, nil, err
		}
		if err := writeKey(signing, key); err != nil {
			return nil, nil, err
		}
		return readKey(signing)
	case err != nil:
		return nil, nil, err
	case publishes(public, key):
		return key, info, nil
	default:
		return key, info, writePublic(public, key)
	}
}

// publishes tells whether the file of public keys holds key's. A file that can't be read or understood does not.
func publishes(public string, key ed25519.PrivateKey) bool {
	keys, err := readPublic(public)
	return err == nil && holds(keys, key)
}

// holds tells whether key's public half is among keys.
func holds(keys []ed25519.PublicKey, key ed25519.PrivateKey) bool {
	return slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool { return k.Equal(key.Public()) })
}
