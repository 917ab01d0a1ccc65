package tarstream

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
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
	u := unpacking{ctx: ctx, root: root, bytesLeft: maxBytes, entriesLeft: maxEntries, maxBytes: maxBytes, maxEntries: maxEntries, places: map[string]*place{}}
	u.writers = startWriters(u.explain)
	err := u.entries(tar.NewReader(bufio.NewReaderSize(r, readAhead)))
	if failed := u.writers.end(); failed != nil {
		err = failed // what was read last came after it
	}
	err = errors.Join(err, u.finish())
	u.forgetPlaces()
	return u.writers.count, err
}

// readAhead is how much is read of the tar at once: its headers are small.
const readAhead = 64 << 10

// unpacking is the state of one Unpack.
type unpacking struct {
	ctx     context.Context
	root    *os.Root
	places  map[string]*place
	writers *writers
	buf     []byte

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

// entries makes all that the tar holds, until one can't be made.
func (u *unpacking) entries(in *tar.Reader) error {
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, tar.ErrHeader) || errors.Is(err, tar.ErrInsecurePath) || errors.Is(err, tar.ErrFieldTooLong) {
			err = wire.Errorf(wire.CodeBadRequest, "read tar: %v", err)
		}
		if err == nil {
			err = u.ctx.Err()
		}
		if err == nil {
			err = u.afford(header)
		}
		if err == nil {
			err = u.entry(header, in)
		}
		if err != nil {
			return err
		}
	}
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
	at, err := u.place(path.Dir(name))
	if err != nil {
		return u.explain(name, err)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		err = u.folder(h, at)
	case tar.TypeReg, tar.TypeGNUSparse:
		return u.file(h, at, content)
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
	u.writers.made(0)
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

func (u *unpacking) folder(h *tar.Header, at *place) error {
	if h.Name == "." {
		return nil // the work dir is the agent's own: its mode is not the sender's business
	}
	if err := u.writers.settle(at, path.Base(h.Name)); err != nil {
		return err
	}
	err := at.root.Mkdir(path.Base(h.Name), 0o700)
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

// file leaves a small file to the writers, and writes a large one as it comes.
func (u *unpacking) file(h *tar.Header, at *place, content io.Reader) error {
	f := file{at: at, name: h.Name, mode: h.FileInfo().Mode().Perm(), time: h.ModTime}
	if err := u.writers.settle(at, f.base()); err != nil {
		return err
	}
	if h.Size <= smallFile {
		data := u.writers.memory(int(h.Size))
		if _, err := io.ReadFull(content, data); err != nil {
			return u.explain(h.Name, err)
		}
		return u.writers.write(f, data)
	}
	if u.buf == nil {
		u.buf = make([]byte, readAhead)
	}
	err := f.make(func(w io.Writer) error {
		_, err := io.CopyBuffer(w, contextReader{u.ctx, content}, u.buf)
		return err
	})
	if err != nil {
		return u.explain(h.Name, err)
	}
	u.writers.made(h.Size)
	return nil
}

func (u *unpacking) symlink(h *tar.Header) error {
	if leadsOut(h.Name, h.Linkname) {
		return wire.Errorf(wire.CodeForbidden, "link %q leads out of the work dir, to %q", h.Name, h.Linkname)
	}
	err := u.link(h.Name, func(temporary string) error { return u.root.Symlink(h.Linkname, temporary) })
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
	return u.link(h.Name, func(temporary string) error { return u.root.Link(target, temporary) })
}

// link makes a link once all before it is written, and has what follows look anew where its folders are: a link may have been one of them.
func (u *unpacking) link(name string, make func(temporary string) error) error {
	if err := u.writers.settleAll(); err != nil {
		return err
	}
	u.forgetPlaces()
	return replace(u.root, name, make)
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
