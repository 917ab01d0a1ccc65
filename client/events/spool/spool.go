// Package spool keeps events on this machine that can't be stored in their log yet, in the order in which they came. What was appended survives a crash at
// any instant, of the process and of the machine.
//
// An event is a file of its own, complete from the moment that it has its name. Several processes may append to one spool; one at a time delivers.
package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gascity/agentd/client/lockfile"
	"github.com/gascity/agentd/client/paths"
)

// Spool is a folder of events.
type Spool struct{ dir string }

// Open gives the spool in a folder, which is made when something is appended.
func Open(dir string) *Spool { return &Spool{dir} }

// Entry is an event in a spool.
type Entry struct {
	// Mark tells the event from all others.
	Mark string `json:"mark"`
	// Seq is the number under which it may be stored already, 0 for none.
	Seq uint64 `json:"seq,omitempty"`
	// Event is its JSON, stamped.
	Event []byte `json:"event"`

	name string
}

const (
	suffix     = ".event"
	unfinished = ".new"
	// rejected is the folder of what the log refused.
	rejected = "rejected"
)

// Empty tells whether there is nothing to deliver.
func (s *Spool) Empty() (bool, error) {
	names, err := s.names()
	return len(names) == 0, err
}

// names gives the entries' file names, in order.
func (s *Spool) names() ([]string, error) {
	files, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the spool: %w", err)
	}
	var names []string
	for _, f := range files {
		if strings.HasSuffix(f.Name(), suffix) {
			names = append(names, f.Name())
		}
	}
	return names, nil
}

// Append keeps an event. When it returns without an error, the event is on the disk.
func (s *Spool) Append(ctx context.Context, e Entry) error {
	if err := paths.MakeDir(s.dir); err != nil {
		return fmt.Errorf("make the spool: %w", err)
	}
	lock, err := lockfile.Wait(ctx, filepath.Join(s.dir, "append.lock"))
	if err != nil {
		return fmt.Errorf("append to the spool: %w", err)
	}
	defer lock.Release()
	names, err := s.names()
	if err != nil {
		return err
	}
	next := 1
	if len(names) > 0 {
		last, err := strconv.Atoi(strings.TrimSuffix(names[len(names)-1], suffix))
		if err != nil {
			return fmt.Errorf("the spool holds %q, which is not of it: remove it", filepath.Join(s.dir, names[len(names)-1]))
		}
		next = last + 1
	}
	e.name = fmt.Sprintf("%016d%s", next, suffix)
	if err := s.write(e); err != nil {
		return fmt.Errorf("append to the spool: %w", err)
	}
	return nil
}

// write puts an entry in its place, complete or not at all.
func (s *Spool) write(e Entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, e.name)
	if err := writeSynced(path+unfinished, text); err != nil {
		return err
	}
	if err := os.Rename(path+unfinished, path); err != nil {
		return err
	}
	return syncDir(s.dir)
}

func writeSynced(path string, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir has the names in a folder on the disk.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
