package tarstream

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// maxPlaces bounds the folders that are kept open.
const maxPlaces = 64

// place is a folder that entries go to, kept open: finding it by its path anew for each of a file's system calls is most of what writing small files costs.
type place struct {
	root *os.Root
	// It may have several names, by way of links.
	device, inode uint64
}

// place gives the folder dir. One that the tar took for granted is made, and counts as if the tar had named it: a deep path makes many.
func (u *unpacking) place(dir string) (*place, error) {
	if at := u.places[dir]; at != nil {
		return at, nil
	}
	root, err := u.root.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := u.writers.settleAll(); err != nil { // a file of that name may be on its way
			return nil, err
		}
		if err := u.take(int64(1 + strings.Count(dir, "/"))); err != nil {
			return nil, err
		}
		if err := u.root.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
		root, err = u.root.OpenRoot(dir)
	}
	if err != nil {
		return nil, err
	}
	at, err := newPlace(root)
	if err == nil && len(u.places) >= maxPlaces {
		err = u.writers.settleAll()
		u.forgetPlaces()
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	u.places[dir] = at
	return at, nil
}

func newPlace(root *os.Root) (*place, error) {
	info, err := root.Stat(".")
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, fmt.Errorf("%T is no stat", info.Sys())
	}
	return &place{root, uint64(stat.Dev), stat.Ino}, nil
}

// forgetPlaces closes the folders. Nothing may be on its way to them.
func (u *unpacking) forgetPlaces() {
	for _, at := range u.places {
		_ = at.root.Close() // nothing was written to it
	}
	clear(u.places)
}

// file is one to be made.
type file struct {
	at   *place
	name string // below the root
	mode fs.FileMode
	time time.Time
}

func (f file) base() string { return path.Base(f.name) }

// make makes the file of what fill writes. Where there is none, it is made under its own name, which takes half the time: what breaks off is removed.
func (f file) make(fill func(io.Writer) error) error {
	err := f.create(f.base(), fill)
	if errors.Is(err, fs.ErrExist) {
		return replace(f.at.root, f.base(), func(temporary string) error { return f.create(temporary, fill) })
	}
	return err
}

// create makes a file of a name that isn't there.
func (f file) create(base string, fill func(io.Writer) error) error {
	out, err := f.at.root.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	// Only its Write: its ReadFrom takes new memory for each file.
	err = errors.Join(fill(struct{ io.Writer }{out}), out.Chmod(f.mode), out.Close())
	if err == nil {
		err = f.at.root.Chtimes(base, time.Time{}, f.time)
	}
	if err != nil {
		_ = f.at.root.Remove(base) // the error says more
	}
	return err
}

// replace makes something under a temporary name beside name, and gives it name once it is whole.
func replace(root *os.Root, name string, make func(temporary string) error) error {
	if info, err := root.Lstat(name); err == nil && info.IsDir() {
		return wire.Errorf(wire.CodeFailed, "%q is a folder in the work dir and none in the tar", name)
	}
	temporary := path.Join(path.Dir(name), ".agentd-"+rand.Text())
	err := make(temporary)
	if err == nil {
		err = root.Rename(temporary, name)
	}
	// It is there still if it could not be renamed, or is the same file as name already: then renaming does nothing. Else there is nothing to remove.
	_ = root.Remove(temporary)
	return err
}
