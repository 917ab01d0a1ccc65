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
	"path/filepath"

	"github.com/gascity/agentd/agentd/wire"
)

// Packed says what Pack wrote, and what it left out and why, a line each.
type Packed struct {
	Count
	Skipped []string
}

// Pack writes what lies at name below root as a tar: for a file, one entry with its base name; for a folder, first an entry "./" and then all that is in
// it, relative to it. Links that lead out of root, sockets, pipes and devices are skipped. A file that grows while it is read is
// cut where it ended when its reading began; one that shrinks ends in zeros. A missing name gives fs.ErrNotExist, one that leads outside wire.CodeForbidden.
func Pack(ctx context.Context, w io.Writer, root *os.Root, name string) (Packed, error) {
	// A tar's headers and padding are small, and each write is a message on its way out of a session.
	buffered := bufio.NewWriterSize(w, wire.FullChunk)
	p := packing{ctx: ctx, root: root, out: tar.NewWriter(buffered)}
	name, err := local(filepath.ToSlash(name))
	if err != nil {
		return p.packed, err
	}
	info, err := root.Stat(name)
	switch {
	case escaped(err):
		return p.packed, wire.Errorf(wire.CodeForbidden, "%q leads out of the work dir", name)
	case err != nil:
		return p.packed, fmt.Errorf("copy %q: %w", name, err)
	case info.IsDir():
		err = p.folder(name)
	case info.Mode().IsRegular():
		err = p.file(name, path.Base(name))
	default:
		err = wire.Errorf(wire.CodeBadRequest, "%q is neither a file nor a folder", name)
	}
	if err != nil {
		return p.packed, err
	}
	if err := errors.Join(p.out.Close(), buffered.Flush()); err != nil {
		return p.packed, fmt.Errorf("end tar: %w", err)
	}
	return p.packed, nil
}

// packing is the state of one Pack.
type packing struct {
	ctx    context.Context
	root   *os.Root
	out    *tar.Writer
	packed Packed
	buf    []byte
}

func (p *packing) folder(top string) error {
	sub, err := p.root.OpenRoot(top)
	if err != nil {
		return fmt.Errorf("copy %q: %w", top, err)
	}
	defer sub.Close()
	p.root = sub
	return fs.WalkDir(sub.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if ctxErr := p.ctx.Err(); ctxErr != nil {
			return ctxErr
		}
		if err != nil {
			return p.unreadable(name, err)
		}
		info, err := d.Info()
		if err != nil {
			return p.unreadable(name, err)
		}
		switch {
		case d.IsDir():
			return p.header(info, name+"/", "")
		case info.Mode().IsRegular():
			return p.file(name, name)
		case info.Mode()&fs.ModeSymlink != 0:
			return p.symlink(name, info)
		}
		p.skip("%q: neither a file, a folder nor a link", name)
		return nil
	})
}

// unreadable skips what can't be read; what has gone meanwhile is not worth a word.
func (p *packing) unreadable(name string, err error) error {
	if name == "." {
		return fmt.Errorf("copy: %w", err)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		p.skip("%q: %v", name, err)
	}
	return nil
}

func (p *packing) skip(format string, args ...any) {
	p.packed.Skipped = append(p.packed.Skipped, fmt.Sprintf(format, args...))
}

func (p *packing) symlink(name string, info fs.FileInfo) error {
	target, err := p.root.Readlink(name)
	if err != nil {
		return p.unreadable(name, err)
	}
	if _, err := p.root.Stat(name); escaped(err) || leadsOut(name, target) {
		p.skip("%q: link leads out, to %q", name, target)
		return nil
	}
	return p.header(info, name, target)
}

func (p *packing) file(name, entry string) error {
	f, err := p.root.Open(name)
	if err != nil {
		return p.unreadable(name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return p.unreadable(name, err)
	}
	if !info.Mode().IsRegular() {
		p.skip("%q: no longer a file", name)
		return nil
	}
	if err := p.header(info, entry, ""); err != nil {
		return err
	}
	return p.content(f, name, info.Size())
}

func (p *packing) header(info fs.FileInfo, entry, target string) error {
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return fmt.Errorf("copy %q: %w", entry, err)
	}
	h.Name = entry
	h.Mode = int64(info.Mode().Perm())
	h.Uid, h.Gid, h.Uname, h.Gname = 0, 0, "", ""
	h.Format = tar.FormatPAX // for times below a second and names of any length
	if err := p.out.WriteHeader(h); err != nil {
		return fmt.Errorf("copy %q: %w", entry, err)
	}
	p.packed.Files++
	return nil
}

// content copies exactly size bytes of f.
func (p *packing) content(f io.Reader, name string, size int64) error {
	if p.buf == nil {
		p.buf = make([]byte, wire.MaxChunk)
	}
	n, err := io.CopyBuffer(p.out, struct{ io.Reader }{io.LimitReader(contextReader{p.ctx, f}, size)}, p.buf)
	p.packed.Bytes += n
	if err != nil {
		return fmt.Errorf("copy %q: %w", name, err)
	}
	if n < size {
		p.skip("%q: shrank while it was read, ends in zeros", name)
		if _, err := io.CopyN(p.out, zeros{}, size-n); err != nil {
			return fmt.Errorf("copy %q: %w", name, err)
		}
	}
	return nil
}

// zeros reads as zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
