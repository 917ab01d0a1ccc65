package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/events/configmap"
	"github.com/gascity/agentd/client/events/spool"
	"github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/paths"
)

var _ hub.EventKeeper = (*Backend)(nil)

// Events gives the event log of the namespace. It is cheap: nothing is asked of the API server until the log is used, unless there is something in the
// spool, which is stored from now on.
func (b *Backend) Events() (events.Log, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.events != nil {
		return b.events, nil
	}
	dir, err := b.spoolDir()
	if err != nil {
		return nil, err
	}
	log, err := configmap.Open(configmap.Config{
		Rest: b.config, Namespace: b.target.Namespace, SpoolDir: dir, Logger: b.log, Explain: b.explainEvents,
	})
	if err != nil {
		return nil, err
	}
	b.events = log
	return log, nil
}

// Spooled says whether events wait on this machine for the log to be reached. What can't be read may be some.
func (b *Backend) Spooled() bool {
	dir, err := b.spoolDir()
	if err != nil {
		return false // nothing can have been kept
	}
	empty, err := spool.Open(dir).Empty()
	return err != nil || !empty
}

// spoolDir is the folder of the spool, one for each log.
func (b *Backend) spoolDir() (string, error) {
	dirs, err := paths.Open()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(b.config.Host + "\x00" + b.target.Namespace))
	return filepath.Join(dirs.State, "spool-"+hex.EncodeToString(sum[:8])), nil
}

// explainEvents is explain for the event log.
func (b *Backend) explainEvents(doing string, err error) error {
	var known *wire.Error
	if !errors.As(err, &known) && lacksRight(err) {
		role := "agentd-events"
		if strings.Contains(err.Error(), " cannot delete ") {
			role = "agentd-events-prune"
		}
		return wire.Errorf(wire.CodeFailed, "%s: %s (the role %s of deploy/ allows it)", doing, wire.OneLine(err.Error()), role)
	}
	return b.explain(doing, err)
}
