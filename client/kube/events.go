package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/events/configmap"
	"github.com/gascity/agentd/client/paths"
)

// Events gives the event log of the namespace. It is cheap: nothing is asked of the API server until the log is used, unless there is something in the
// spool, which is stored from now on.
func (b *Backend) Events() (events.Log, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.events != nil {
		return b.events, nil
	}
	dirs, err := paths.Open()
	if err != nil {
		return nil, err
	}
	log, err := configmap.Open(configmap.Config{
		Rest: b.config, Namespace: b.target.Namespace, SpoolDir: filepath.Join(dirs.State, "spool-"+b.spoolName()), Logger: b.log, Explain: b.explainEvents,
	})
	if err != nil {
		return nil, err
	}
	b.events = log
	return log, nil
}

// spoolName tells the spool of this log from others.
func (b *Backend) spoolName() string {
	sum := sha256.Sum256([]byte(b.config.Host + "\x00" + b.target.Namespace))
	return hex.EncodeToString(sum[:8])
}

// explainEvents is explain for the event log.
func (b *Backend) explainEvents(doing string, err error) error {
	var known *wire.Error
	if !errors.As(err, &known) && apierrors.IsForbidden(err) && strings.Contains(err.Error(), " cannot ") {
		return wire.Errorf(wire.CodeFailed, "%s: %s (the role agentd-events of deploy/ allows it)", doing, oneLine(err.Error()))
	}
	return b.explain(doing, err)
}
