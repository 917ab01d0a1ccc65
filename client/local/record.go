package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/paths"
)

// record is session.json, what a session's folder says of it.
type record struct {
	Name     string    `json:"name"`
	City     string    `json:"city,omitempty"`
	Key      string    `json:"key,omitempty"`
	Instance string    `json:"instance"`
	Audience string    `json:"audience"`
	Created  time.Time `json:"created"`
	WorkDir  string    `json:"work_dir,omitempty"`
	Command  string    `json:"command,omitempty"`
	// PID is agentd's, and PIDStart says when that process started, in the kernel's terms: the number alone may be another's by now.
	PID      int    `json:"pid,omitempty"`
	PIDStart string `json:"pid_start,omitempty"`
	// Launched is when the start was complete, zero while the session is half-made.
	Launched time.Time `json:"launched,omitzero"`
}

const recordFile = "session.json"

// errDamaged says that a session's folder does not say what session it is, as after a power cut. Nothing can reach such a session any more: its folder
// is a leftover, and no other session's trouble.
var errDamaged = errors.New("session.json is damaged")

// readRecord reads the record in the folder of the session with that id, nil when there is no such folder.
func readRecord(dir, id string) (*record, error) {
	b, err := os.ReadFile(filepath.Join(dir, recordFile))
	switch {
	case errors.Is(err, fs.ErrNotExist) && !exists(dir):
		return nil, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return nil, fmt.Errorf("read session: %s: %w", dir, errDamaged)
	case err != nil:
		return nil, fmt.Errorf("read session: %w", err)
	}
	r, err := parseRecord(b, id)
	if err != nil {
		return nil, fmt.Errorf("read session: %s: %w", dir, err)
	}
	return r, nil
}

// parseRecord decodes the record of the session with that id.
func parseRecord(b []byte, id string) (*record, error) {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if r.Instance == "" || r.Audience == "" || paths.SessionID(r.Name) != id {
		return nil, fmt.Errorf("%w: it describes another session", errDamaged)
	}
	return &r, nil
}

// write replaces the record in a session's folder.
func (r *record) write(dir string) error {
	if err := writeJSON(filepath.Join(dir, recordFile), r); err != nil {
		return fmt.Errorf("write session: %w", err)
	}
	return nil
}

func (r *record) forHub() hub.Record {
	return hub.Record{
		Name: r.Name, City: r.City, Key: r.Key, Instance: r.Instance, Audience: r.Audience,
		Created: r.Created, WorkDir: r.WorkDir, Command: r.Command, PID: r.PID,
	}
}
