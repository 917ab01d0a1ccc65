package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gascity/agentd/client/lockfile"
	"github.com/gascity/agentd/client/paths"
)

// ErrHeld is given by Claim while another process delivers.
var ErrHeld = lockfile.ErrHeld

// Delivery is the right to take entries out of a spool.
type Delivery struct {
	spool *Spool
	lock  *lockfile.Lock
}

// Claim begins a delivery.
func (s *Spool) Claim() (*Delivery, error) {
	if err := paths.MakeDir(s.dir); err != nil {
		return nil, fmt.Errorf("make the spool: %w", err)
	}
	lock, err := lockfile.Try(filepath.Join(s.dir, "deliver.lock"))
	if err != nil {
		return nil, err
	}
	return &Delivery{s, lock}, nil
}

// Release ends the delivery.
func (d *Delivery) Release() { d.lock.Release() }

// First gives the oldest entry, nil when there is none.
func (d *Delivery) First() (*Entry, error) {
	names, err := d.spool.names()
	if err != nil || len(names) == 0 {
		return nil, err
	}
	e := &Entry{name: names[0]}
	text, err := os.ReadFile(filepath.Join(d.spool.dir, e.name))
	if err != nil {
		return nil, fmt.Errorf("read the spool: %w", err)
	}
	if err := json.Unmarshal(text, e); err != nil {
		return nil, errors.Join(fmt.Errorf("the spool's %s is damaged: it is put aside in %s: %w", e.name, rejected, err), d.Reject(e))
	}
	return e, nil
}

// Reserve notes the number that the entry is about to be stored under. When it returns without an error, that is on the disk.
func (d *Delivery) Reserve(e *Entry, seq uint64) error {
	e.Seq = seq
	if err := d.spool.write(*e); err != nil {
		return fmt.Errorf("write to the spool: %w", err)
	}
	return nil
}

// Done takes an entry out that is stored. That it comes back after the machine's crash does no harm: its number says that it is stored.
func (d *Delivery) Done(e *Entry) error {
	if err := os.Remove(filepath.Join(d.spool.dir, e.name)); err != nil {
		return fmt.Errorf("take out of the spool: %w", err)
	}
	return syncDir(d.spool.dir)
}

// Reject puts an entry aside that will never be stored.
func (d *Delivery) Reject(e *Entry) error {
	aside := filepath.Join(d.spool.dir, rejected)
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return fmt.Errorf("put aside: %w", err)
	}
	// A name may have been given before, when the spool was empty.
	f, err := os.CreateTemp(aside, "*-"+e.name)
	if err != nil {
		return fmt.Errorf("put aside: %w", err)
	}
	if err := errors.Join(f.Close(), os.Rename(filepath.Join(d.spool.dir, e.name), f.Name())); err != nil {
		return fmt.Errorf("put aside: %w", err)
	}
	return syncDir(d.spool.dir)
}
