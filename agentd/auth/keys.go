package auth

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

const (
	// maxKeyFile bounds the file of public keys, in bytes. A key has about 115.
	maxKeyFile = 256 << 10
	// settled is how old a file's last change must be for its times to tell it from a later one: some filesystems count in whole seconds.
	settled = 2 * time.Second
)

// keyFile is the file of public keys, and what was read from it.
type keyFile struct {
	name string
	now  func() time.Time

	mu   sync.Mutex
	keys map[string]ed25519.PublicKey // never changed once here
	info os.FileInfo                  // nil when the file must be read again whatever it looks like
}

// read gives the keys by id. It reads the file only when it changed. A file that can't be read or understood means no keys, rather than
// the ones from before: it may have been removed to shut everyone out.
func (f *keyFile) read() (map[string]ed25519.PublicKey, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.name) // through links: Kubernetes swaps a link when a mounted secret changes
	if err != nil {
		return nil, fmt.Errorf("read the public keys: %w", err)
	}
	if f.info != nil && os.SameFile(info, f.info) && info.ModTime().Equal(f.info.ModTime()) && info.Size() == f.info.Size() {
		return f.keys, nil
	}
	f.info = nil
	text, err := readBounded(f.name)
	if err != nil {
		return nil, fmt.Errorf("read the public keys: %w", err)
	}
	keys, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("read the public keys %q: %w", f.name, err)
	}
	f.keys = keys
	if f.now().Sub(info.ModTime()) > settled {
		f.info = info
	}
	return keys, nil
}

func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err == nil && len(text) > maxKeyFile {
		err = fmt.Errorf("%q is over %d bytes", name, maxKeyFile)
	}
	return text, err
}

// parseKeys reads PEM blocks. One that is no Ed25519 public key spoils the file: leaving it out in silence would leave people puzzled.
func parseKeys(text []byte) (map[string]ed25519.PublicKey, error) {
	keys := map[string]ed25519.PublicKey{}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "PUBLIC KEY" {
			return nil, fmt.Errorf("it holds a %.40q: only public keys belong there", block.Type)
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		key, ok := parsed.(ed25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("it holds a %T: only Ed25519 keys are accepted", parsed)
		}
		keys[wire.KeyID(key)] = key
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("it holds no public key in PEM")
	}
	return keys, nil
}
