package gcctl

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/tarstream"
)

// incoming is a file or folder that comes out of a session.
type incoming struct {
	raw   io.Reader // the tar from its beginning
	tar   *tar.Reader
	first *tar.Header
}

// folder says whether it is one.
func (in *incoming) folder() bool { return in.first.Typeflag == tar.TypeDir }

// errEnough: the rest isn't wanted.
var errEnough = errors.New("enough")

// copyOut asks a session for a file or folder, and hands it to take.
func (a *app) copyOut(ctx context.Context, src place, take func(context.Context, *incoming) error) error {
	ask := wire.Get{Path: src.path}
	if ask.Path == "" {
		ask.Path = "."
	}
	// Not repeated: what was taken can't be taken back.
	return a.hub().Do(ctx, string(wire.OpGet), false, func(ctx context.Context, c *mux.Conn) error {
		k, err := c.Open(ctx, mux.Request{Op: wire.OpGet, Session: src.session, Body: ask})
		if err != nil {
			return err
		}
		defer k.Cancel()
		in, err := newIncoming(k)
		if errors.Is(err, io.EOF) { // nothing came: the result says why
			if err := k.Result(nil); err != nil {
				return err
			}
			return fmt.Errorf("%q is empty", src.path)
		}
		if err != nil {
			return err
		}
		err = take(ctx, in)
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, k); err != nil { // the tar's padding; a failure while it was made shows here
			return err
		}
		var reply wire.GetReply
		err = k.Result(&reply)
		for _, s := range reply.Skipped {
			a.warn(s)
		}
		return err
	})
}

// newIncoming reads the first header and keeps what that took.
func newIncoming(r io.Reader) (*incoming, error) {
	var head bytes.Buffer
	first, err := tar.NewReader(io.TeeReader(r, &head)).Next()
	if err != nil {
		return nil, err
	}
	raw := io.MultiReader(&head, r)
	t := tar.NewReader(raw)
	in := &incoming{raw: raw, tar: t, first: first}
	return in, nil
}

// begin moves the tar reader to the first entry's content; after it raw is of no use.
func (in *incoming) begin() error {
	_, err := in.tar.Next()
	return err
}

// toStdout prints a file's bytes, or a folder's tar.
func (a *app) toStdout(_ context.Context, in *incoming) error {
	if in.folder() {
		if isTerminal(a.streams.Out) {
			return hint(fmt.Errorf("a folder comes as a tar, which a terminal can't show"), "pipe it: %s cp SESSION:FOLDER - | tar tv", a.command())
		}
		_, err := io.Copy(a.streams.Out, in.raw)
		return err
	}
	if err := in.begin(); err != nil {
		return err
	}
	_, err := io.Copy(a.streams.Out, in.tar)
	return err
}

// save makes the file or folder on this machine.
func (in *incoming) save(ctx context.Context, src, dst place) error {
	at := dst.path
	if info, err := os.Stat(at); dst.into() || err == nil && info.IsDir() {
		at = filepath.Join(at, src.base())
	}
	if in.folder() {
		return in.saveFolder(ctx, at)
	}
	return in.saveFile(at)
}

func (in *incoming) saveFolder(ctx context.Context, at string) error {
	if err := os.Mkdir(at, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return missingFile(filepath.Dir(at), err)
	}
	root, err := os.OpenRoot(at)
	if err != nil {
		return err
	}
	defer root.Close()
	_, err = tarstream.Unpack(ctx, in.raw, root)
	return err
}

// saveFile replaces the file at once and whole, so that a copy which breaks off leaves the old one.
func (in *incoming) saveFile(at string) error {
	if err := in.begin(); err != nil {
		return err
	}
	if info, err := os.Stat(at); err == nil && !info.Mode().IsRegular() { // a pipe or device is written to
		f, err := os.OpenFile(at, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, in.tar)
		return errors.Join(err, f.Close())
	}
	dir := filepath.Dir(at)
	if _, err := os.Stat(dir); err != nil {
		return missingFile(dir, err)
	}
	f, err := os.CreateTemp(dir, ".gcctl-cp-")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, in.tar)
	err = errors.Join(err, f.Chmod(in.first.FileInfo().Mode().Perm()), f.Close())
	if err == nil {
		err = os.Chtimes(f.Name(), in.first.ModTime, in.first.ModTime)
	}
	if err == nil {
		err = os.Rename(f.Name(), at)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
