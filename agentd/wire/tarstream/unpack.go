package tarstream

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// Unpack reads a tar and makes its entries below root. A file that is there already is replaced at once and whole; a folder keeps what the tar
// doesn't name. An entry that leads outside, or is neither a file, a folder nor a link, ends it with wire.CodeForbidden; one over
// wire.MaxUnpackedBytes or wire.MaxUnpackedEntries with wire.CodeTooLarge, before anything of it is written. What came before stays.
func Unpack(ctx context.Context, r io.Reader, root *os.Root) (Count, error) {
	return unpack(ctx, r, root, wire.MaxUnpackedBytes, wire.MaxUnpackedEntries)
}

func unpack(ctx context.Context, r io.Reader, root *os.Root, maxBytes, maxEntries int64) (Count, error) {
	u := unpacking{ctx: ctx, root: root, bytesLeft: maxBytes, entriesLeft: maxEntries, maxBytes: maxBytes, maxEntries: maxEntries}
	in := tar.NewReader(r)
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return u.count, u.finish()
		}
		if errors.Is(err, tar.ErrHeader) || errors.Is(err, tar.ErrInsecurePath) || errors.Is(err, tar.ErrFieldTooLong) {
			err = wire.Errorf(wire.CodeBadRequest, "read tar: %v", err)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = u.afford(header)
		}
		if err == nil {
			err = u.entry(header, in)
		}
		if err != nil {
			return u.count, errors.Join(err, u.finish())
		}
	}
}

// unpacking is the state of one Unpack.
type unpacking struct {
	ctx   context.Context
	root  *os.Root
	count Count

	maxBytes, maxEntries   int64
	bytesLeft, entriesLeft int64

	folders []folder
	links   []string
}

// folder is one that the tar named. Its mode and time are set last: it may be read-only, and filling it changes its time.
type folder struct {
	name string
	mode fs.FileMode
	time time.Time
}

// afford takes an entry off what may still be unpacked. A file's size is what it will take, holes included.
func (u *unpacking) afford(h *tar.Header) error {
	if err := u.take(1); err != nil {
		return err
	}
	if h.Size > u.bytesLeft {
		return wire.Errorf(wire.CodeTooLarge, "%q brings the tar's files to more than %d bytes, the limit (MaxUnpackedBytes)", h.Name, u.maxBytes)
	}
	u.bytesLeft -= h.Size
	return nil
}

func (u *unpacking) take(entries int64) error {
	if u.entriesLeft -= entries; u.entriesLeft < 0 {
		return wire.Errorf(wire.CodeTooLarge, "the tar makes more than %d files and folders, the limit (MaxUnpackedEntries)", u.maxEntries)
	}
	return nil
}

func (u *unpacking) entry(h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil // what `git archive` begins with: the commit's name, no file
	}
	name, err := local(h.Name)
	if err != nil {
		return err
	}
	h.Name = name
	if err := u.parents(name); err != nil {
		return u.explain(name, err)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		err = u.folder(h)
	case tar.TypeReg, tar.TypeGNUSparse:
		err = u.file(h, content)
	case tar.TypeSymlink:
		err = u.symlink(h)
	case tar.TypeLink:
		err = u.hardlink(h)
	default:
		return wire.Errorf(wire.CodeForbidden, "%q is neither a file, a folder nor a link", name)
	}
	if err != nil {
		return u.explain(name, err)
	}
	u.count.Files++
	return nil
}

// explain turns an error about name into one that a person understands.
func (u *unpacking) explain(name string, err error) error {
	if err == nil {
		return nil
	}
	if escaped(err) {
		return wire.Errorf(wire.CodeForbidden, "%q leads out of the work dir", name)
	}
	var known *wire.Error
	if errors.As(err, &known) || u.ctx.Err() != nil {
		return err
	}
	return wire.Errorf(wire.CodeFailed, "write %q: %v", name, err)
}

// parents makes the folders that the tar took for granted. They count as if it had named them: a deep path makes many.
func (u *unpacking) parents(name string) error {
	dir := path.Dir(name)
	if _, err := u.root.Stat(dir); err == nil {
		return nil
	}
	if err := u.take(int64(1 + strings.Count(dir, "/"))); err != nil {
		return err
	}
	return u.root.MkdirAll(dir, 0o777)
}

func (u *unpacking) folder(h *tar.Header) error {
	if h.Name == "." {
		return nil // the work dir is the agent's own: its mode is not the sender's business
	}
	err := u.root.Mkdir(h.Name, 0o700)
	if errors.Is(err, fs.ErrExist) {
		var info fs.FileInfo
		if info, err = u.root.Stat(h.Name); err == nil && !info.IsDir() {
			err = wire.Errorf(wire.CodeFailed, "%q is a folder in the tar and a file in the work dir", h.Name)
		}
	}
	if err == nil {
		u.folders = append(u.folders, folder{h.Name, h.FileInfo().Mode().Perm(), h.ModTime})
	}
	return err
}

func (u *unpacking) file(h *tar.Header, content io.Reader) error {
	return u.replace(h.Name, func(temporary string) error {
		f, err := u.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		n, err := io.Copy(f, contextReader{u.ctx, content})
		u.count.Bytes += n
		if err := errors.Join(err, f.Chmod(h.FileInfo().Mode().Perm()), f.Close()); err != nil {
			return err
		}
		return u.root.Chtimes(temporary, time.Time{}, h.ModTime)
	})
}

func (u *unpacking) symlink(h *tar.Header) error {
	if leadsOut(h.Name, h.Linkname) {
		return wire.Errorf(wire.CodeForbidden, "link %q leads out of the work dir, to %q", h.Name, h.Linkname)
	}
	err := u.replace(h.Name, func(temporary string) error { return u.root.Symlink(h.Linkname, temporary) })
	if err == nil {
		u.links = append(u.links, h.Name)
	}
	return err
}

func (u *unpacking) hardlink(h *tar.Header) error {
	target, err := local(h.Linkname)
	if err != nil {
		return err
	}
	return u.replace(h.Name, func(temporary string) error { return u.root.Link(target, temporary) })
}

// replace makes something under a temporary name beside name, and gives it name once it is whole.
func (u *unpacking) replace(name string, make func(temporary string) error) error {
	if info, err := u.root.Lstat(name); err == nil && info.IsDir() {
		return wire.Errorf(wire.CodeFailed, "%q is a folder in the work dir and none in the tar", name)
	}
	temporary := path.Join(path.Dir(name), ".agentd-"+rand.Text())
	err := make(temporary)
	if err == nil {
		err = u.root.Rename(temporary, name)
	}
	if err != nil {
		_ = u.root.Remove(temporary) // it may not be there
	}
	return err
}

// finish sets the folders' modes and times, deepest first, and removes links that turn out to lead outside by way of other links.
func (u *unpacking) finish() error {
	var errs []error
	for _, name := range u.links {
		if _, err := u.root.Stat(name); escaped(err) {
			errs = append(errs, wire.Errorf(wire.CodeForbidden, "link %q leads out of the work dir", name), u.root.Remove(name))
		}
	}
	for _, f := range slices.Backward(u.folders) {
		errs = append(errs, u.explain(f.name, u.root.Chmod(f.name, f.mode)), u.explain(f.name, u.root.Chtimes(f.name, time.Time{}, f.time)))
	}
	return errors.Join(errs...)
}

// contextReader stops reading when its ctx ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, fmt.Errorf("copy: %w", err)
	}
	return r.r.Read(p)
}
