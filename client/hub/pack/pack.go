// Package pack writes files and folders of this machine as tars for a session's work dir.
//
// Owners are left out: the files become the agent's. What can't be read is left out with a warning, as one unreadable file in an overlay must
// not keep an agent from starting; a source that does not exist is nothing to copy.
package pack

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
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gascity/agentd/agentd/wire"
)

// Packer writes one tar.
type Packer struct {
	// Edit gives, for files that are to say something else in the session, what makes it of their text; nil for all others. It may be nil itself.
	Edit func(src string) func(text string) string

	ctx  context.Context
	out  *bufio.Writer
	tar  *tar.Writer
	warn func(string)
	// skip reports what is not to be copied, by its source and where it goes. It may be nil.
	skip func(src, dst string) bool
	buf  []byte
}

// New makes a packer that writes to w until ctx ends. Each warning is one line. skip, which may be nil, tells what to leave out, given the source's path
// and the entry's name: a file, a link, or a folder with all that is in it.
func New(ctx context.Context, w io.Writer, warn func(string), skip func(src, entry string) bool) *Packer {
	// A tar's headers and padding are small, and each write is a message on its way to a session.
	out := bufio.NewWriterSize(w, wire.FullChunk)
	return &Packer{ctx: ctx, out: out, tar: tar.NewWriter(out), warn: warn, skip: skip}
}

// Close ends the tar.
func (p *Packer) Close() error {
	err := p.tar.Close()
	if err == nil {
		err = p.out.Flush()
	}
	if err != nil {
		return fmt.Errorf("end tar: %w", err)
	}
	return nil
}

// Dir adds what is in the folder src, as entries under the folder at, "" being the tar's top. A missing src adds nothing; a src that is
// no folder is an error.
func (p *Packer) Dir(src, at string) error {
	info, err := os.Stat(src)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%q is not a folder", src)
	}
	// Resolved, so that the walk enters a folder that is given as a link.
	root, err := filepath.EvalSymlinks(src)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if ctxErr := p.ctx.Err(); ctxErr != nil {
			return ctxErr
		}
		rel, relErr := filepath.Rel(root, name)
		if relErr != nil {
			return relErr
		}
		entry := path.Join(at, filepath.ToSlash(rel))
		if err != nil {
			return p.unreadable(err)
		}
		if entry == "." {
			return nil
		}
		return p.add(root, name, entry, d)
	})
}

// Path adds the file or folder src: a folder's content under at (the tar's top when at is empty), a file as the entry at (its base name when
// at is empty, or under at when that ends in a slash). A missing src adds nothing.
func (p *Packer) Path(src, at string) error {
	info, err := os.Stat(src)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return p.Dir(src, at)
	}
	if at == "" || strings.HasSuffix(at, "/") {
		at += filepath.Base(src)
	}
	at = path.Clean(at)
	if p.skipped(src, at) {
		return nil
	}
	return p.file(src, at)
}

func (p *Packer) skipped(src, entry string) bool { return p.skip != nil && p.skip(src, entry) }

func (p *Packer) add(root, name, entry string, d fs.DirEntry) error {
	skipped := p.skipped(name, entry)
	switch {
	case skipped && d.IsDir():
		return fs.SkipDir
	case skipped:
		return nil
	}
	switch d.Type() {
	case fs.ModeDir:
		return p.folder(name, entry)
	case 0:
		return p.file(name, entry)
	case fs.ModeSymlink:
		return p.link(root, name, entry)
	default:
		p.warn(fmt.Sprintf("%q is not copied: it is neither file nor folder", name))
		return nil
	}
}

func (p *Packer) folder(name, entry string) error {
	info, err := os.Stat(name)
	if err != nil {
		return p.unreadable(err)
	}
	return p.write(&tar.Header{Typeflag: tar.TypeDir, Name: entry + "/", Mode: int64(info.Mode().Perm()), ModTime: info.ModTime()})
}

// link keeps a link that leads somewhere within the folder, an absolute one as a relative one, and copies the file that any other leads to: its target
// isn't there in the session.
func (p *Packer) link(root, name, entry string) error {
	target, err := os.Readlink(name)
	if err != nil {
		return p.unreadable(err)
	}
	if target, within := withinFolder(root, name, target); within {
		return p.write(&tar.Header{Typeflag: tar.TypeSymlink, Name: entry, Linkname: filepath.ToSlash(target), Mode: 0o777})
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return p.unreadable(err)
	case info.Mode().IsRegular():
		return p.file(name, entry)
	default:
		p.warn(fmt.Sprintf("%q is not copied: it is a link out of its folder", name))
		return nil
	}
}

// withinFolder says whether a link leads somewhere within the folder root, and gives its target relative to the link.
func withinFolder(root, link, target string) (string, bool) {
	if !filepath.IsAbs(target) {
		rel, err := filepath.Rel(root, filepath.Join(filepath.Dir(link), target))
		return target, err == nil && filepath.IsLocal(rel)
	}
	// root is resolved, and the target may be spelled otherwise. The target itself may be a link: that is to stay one.
	dir, err := filepath.EvalSymlinks(filepath.Dir(filepath.Clean(target)))
	if err != nil {
		return "", false
	}
	target = filepath.Join(dir, filepath.Base(target))
	if rel, err := filepath.Rel(root, target); err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	rel, err := filepath.Rel(filepath.Dir(link), target)
	return rel, err == nil
}

func (p *Packer) file(name, entry string) error {
	// Not blocking: a named pipe at the end of a link would wait for a writer.
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return p.unreadable(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return p.unreadable(err)
	}
	if !info.Mode().IsRegular() {
		p.warn(fmt.Sprintf("%q is not copied: it is neither file nor folder", name))
		return nil
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: entry, Mode: int64(info.Mode().Perm()), ModTime: info.ModTime(), Size: info.Size()}
	return p.sized(f, name, h)
}

// sized packs a file of which h holds the size that it had.
func (p *Packer) sized(f *os.File, name string, h *tar.Header) error {
	if h.Size <= maxWhole {
		return p.whole(f, name, h)
	}
	if err := p.write(h); err != nil {
		return err
	}
	return p.content(f, name, h.Size)
}

const (
	// maxEdited bounds the files that are edited, in bytes: what is larger isn't what it was taken for.
	maxEdited = 4 << 10
	// maxWhole bounds the files that are read before anything is said of them, in bytes. They are nearly all there are, and whatever happens to them
	// meanwhile, what is packed was once in them.
	maxWhole = 256 << 10
)

// whole packs a small file. One that grows is cut where it ended at first.
func (p *Packer) whole(f *os.File, name string, h *tar.Header) error {
	if p.buf == nil {
		p.buf = make([]byte, maxWhole)
	}
	n, err := io.ReadFull(f, p.buf[:h.Size])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) { // it may have shrunk
		return p.unreadable(err)
	}
	data := p.buf[:n]
	if edit := p.editOf(name); edit != nil && n <= maxEdited {
		data = []byte(edit(string(data)))
	}
	h.Size = int64(len(data))
	if err := p.write(h); err != nil {
		return err
	}
	if _, err := p.tar.Write(data); err != nil {
		return fmt.Errorf("pack %q: %w", name, err)
	}
	return nil
}

func (p *Packer) editOf(name string) func(string) string {
	if p.Edit == nil {
		return nil
	}
	return p.Edit(name)
}

// content writes exactly size bytes, as the tar says already: a file that grows meanwhile is cut there, one that shrinks, or can't be read to its end, ends in
// zeros, with a warning.
func (p *Packer) content(f io.Reader, name string, size int64) error {
	if p.buf == nil {
		p.buf = make([]byte, maxWhole)
	}
	for size > 0 {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		n, err := f.Read(p.buf[:min(int64(len(p.buf)), size)])
		if _, werr := p.tar.Write(p.buf[:n]); werr != nil {
			return fmt.Errorf("pack %q: %w", name, werr)
		}
		size -= int64(n)
		if err != nil && size > 0 {
			if errors.Is(err, io.EOF) {
				err = errors.New("it shrank while it was read")
			}
			p.warn(fmt.Sprintf("the last %d bytes of %q are copied as zeros: %v", size, name, err))
			return p.zeros(name, size)
		}
	}
	return nil
}

func (p *Packer) zeros(name string, size int64) error {
	clear(p.buf)
	for size > 0 {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		n, err := p.tar.Write(p.buf[:min(int64(len(p.buf)), size)])
		if err != nil {
			return fmt.Errorf("pack %q: %w", name, err)
		}
		size -= int64(n)
	}
	return nil
}

func (p *Packer) write(h *tar.Header) error {
	if err := p.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("pack %q: %w", h.Name, err)
	}
	return nil
}

// unreadable warns of what can't be copied. What vanished meanwhile is not worth a word.
func (p *Packer) unreadable(err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		p.warn(fmt.Sprintf("not copied: %v", err))
	}
	return nil
}
