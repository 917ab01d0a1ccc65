package token

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// readKey reads a signing key, which must be this user's alone.
func readKey(name string) (ed25519.PrivateKey, os.FileInfo, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("read the signing key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("read the signing key: %w", err)
	}
	if err := checkKeyFile(name, info, os.Geteuid()); err != nil {
		return nil, nil, err
	}
	text := make([]byte, min(info.Size(), 64<<10))
	if _, err := f.ReadAt(text, 0); err != nil {
		return nil, nil, fmt.Errorf("read the signing key %q: %w", name, err)
	}
	key, ok := parseKey(text)
	if !ok {
		return nil, nil, fmt.Errorf("%q holds no Ed25519 private key in PEM: remove it, and a new one will be made", name)
	}
	return key, info, nil
}

func checkKeyFile(name string, info os.FileInfo, uid int) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("the signing key %q is not a file: remove it, and a new one will be made", name)
	}
	if owner := int(info.Sys().(*syscall.Stat_t).Uid); owner != uid {
		return fmt.Errorf("the signing key %q belongs to uid %d, not to you (uid %d): remove it, and a new one will be made", name, owner, uid)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("the signing key %q is open to other users (mode %04o): run chmod 600 on it, or remove it if others may have read it", name, mode)
	}
	return nil
}

func parseKey(text []byte) (ed25519.PrivateKey, bool) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, false
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, false
	}
	key, ok := parsed.(ed25519.PrivateKey)
	return key, ok
}

func writeKey(name string, key ed25519.PrivateKey) error {
	text, err := Key{key}.PrivatePEM()
	if err != nil {
		return err
	}
	return replace(name, text)
}

func readPublic(name string) ([]ed25519.PublicKey, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	keys, err := parsePublic(text)
	if err != nil {
		return nil, fmt.Errorf("read public keys %q: %w", name, err)
	}
	return keys, nil
}

func parsePublic(text []byte) ([]ed25519.PublicKey, error) {
	var keys []ed25519.PublicKey
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return keys, nil
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		if key, ok := parsed.(ed25519.PublicKey); ok {
			keys = append(keys, key)
		}
	}
}

func writePublic(name string, key ed25519.PrivateKey) error {
	text, err := Key{key}.PublicPEM()
	if err != nil {
		return err
	}
	return replace(name, text)
}

// replace puts text in the place of the file as a whole, 0600: no reader sees half of it, nor does a crash leave half.
func replace(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	defer os.Remove(f.Name()) // fails once renamed, which is right
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	return nil
}
