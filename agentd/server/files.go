package server

import (
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

// put unpacks a tar into the work dir, or a folder in it.
func (l *link) put(ctx context.Context, x *mux.Exchange) (any, error) {
	var ask wire.Put
	if err := x.Decode(&ask); err != nil {
		return nil, err
	}
	dir, err := l.putDir(ask)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, workDirError(dir, err)
	}
	defer root.Close()
	if ask.Dir != "" {
		outer := root
		if root, err = openIn(outer, ask.Dir); err != nil {
			return nil, err
		}
		defer root.Close()
	}
	if err := x.Widen(l.putWindow()); err != nil {
		return nil, err
	}
	in, err := tarstream.Decode(x, ask.Encoding)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	count, err := tarstream.Unpack(ctx, in, root)
	if err != nil {
		return nil, fileError(err)
	}
	return wire.PutReply{Files: count.Files, Bytes: count.Bytes}, nil
}

const (
	// stagedWindow is what may be under way of a start's files, in bytes, beside wire.InitialCredit: with 100 ms of round trip they come at 40 MB/s. Nothing else
	// uses the connection then.
	stagedWindow = 4 << 20
	// copiedWindow is the same for files on their way to a session that runs. What is typed there meanwhile comes after them.
	copiedWindow = 768 << 10
)

func (l *link) putWindow() int64 {
	switch l.server.session.Status().State {
	case wire.StateWaiting, wire.StateStaging:
		return stagedWindow
	}
	return copiedWindow
}

// putDir gives the work dir that a put is for. Before the launch the caller names it, and it is made: files may come before anything else does.
func (l *link) putDir(ask wire.Put) (string, error) {
	s := l.server.session
	switch status := s.Status(); status.State {
	case wire.StateWaiting, wire.StateStaging:
		if !filepath.IsAbs(ask.WorkDir) {
			return "", wire.Errorf(wire.CodeBadRequest, "put: before the launch an absolute work_dir is needed, got %q", ask.WorkDir)
		}
		if err := s.Stage(ask.WorkDir); err != nil {
			return "", err
		}
		if err := os.MkdirAll(ask.WorkDir, 0o755); err != nil {
			return "", wire.Errorf(wire.CodeFailed, "put: %v", err)
		}
		return ask.WorkDir, nil
	default:
		return l.runningDir(ask.WorkDir)
	}
}

// runningDir is the work dir of the session that runs. A caller that names another one is mistaken about the session.
func (l *link) runningDir(named string) (string, error) {
	dir := l.server.session.WorkDir()
	if l.server.session.Status().State == wire.StateExited || dir == "" {
		return "", wire.Errorf(wire.CodeNoSession, "no session runs")
	}
	if named != "" && filepath.Clean(named) != filepath.Clean(dir) {
		return "", wire.Errorf(wire.CodeState, "the session's work dir is %q, not %q", dir, named)
	}
	return dir, nil
}

// openIn opens a folder below root, and makes it if need be.
func openIn(root *os.Root, name string) (*os.Root, error) {
	name = filepath.Clean(name)
	if !filepath.IsLocal(name) {
		return nil, wire.Errorf(wire.CodeForbidden, "put: %q is not a path inside the work dir", name)
	}
	if err := root.MkdirAll(name, 0o755); err != nil {
		return nil, wire.Errorf(wire.CodeFailed, "put: %v", err)
	}
	sub, err := root.OpenRoot(name)
	if err != nil {
		return nil, wire.Errorf(wire.CodeFailed, "put: %v", err)
	}
	return sub, nil
}

// get sends a file or folder of the work dir as a tar.
func (l *link) get(ctx context.Context, x *mux.Exchange) (any, error) {
	var ask wire.Get
	if err := x.Decode(&ask); err != nil {
		return nil, err
	}
	dir, err := l.runningDir("")
	if err != nil {
		return nil, err
	}
	name, err := within(dir, ask.Path)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, workDirError(dir, err)
	}
	defer root.Close()
	packed, err := tarstream.Pack(ctx, x, root, name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && packed.Files == 0:
		return nil, wire.Errorf(wire.CodeFailed, "there is no %q in the work dir", name)
	case err != nil:
		return nil, fileError(err)
	}
	return wire.GetReply{Files: packed.Files, Bytes: packed.Bytes, Skipped: shorten(packed.Skipped)}, nil
}

// maxSkipped bounds the lines about files that were left out: nobody reads more, and a reply has its limits.
const maxSkipped = 20

func shorten(lines []string) []string {
	if over := len(lines) - maxSkipped; over > 0 {
		lines = append(lines[:maxSkipped:maxSkipped], fmt.Sprintf("%d more were left out", over))
	}
	return lines
}

// within makes a path relative to the work dir; it may have been absolute within it.
func within(dir, path string) (string, error) {
	name := filepath.Clean(path)
	if filepath.IsAbs(name) {
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return "", wire.Errorf(wire.CodeForbidden, "get: %q is not inside the work dir %q", path, dir)
		}
		name = rel
	}
	if path == "" || !filepath.IsLocal(name) {
		return "", wire.Errorf(wire.CodeForbidden, "get: %q is not a path inside the work dir %q", path, dir)
	}
	return name, nil
}

func workDirError(dir string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return wire.Errorf(wire.CodeFailed, "work_dir %q does not exist", dir)
	}
	return wire.Errorf(wire.CodeFailed, "open work_dir %q: %v", dir, err)
}

// fileError makes what the file system refused the caller's to know: it is no fault of ours.
func fileError(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case wire.CodeOf(err) != wire.CodeInternal:
		return err
	case errors.As(err, &path), errors.As(err, &link), errors.Is(err, io.ErrUnexpectedEOF):
		return wire.Errorf(wire.CodeFailed, "%v", err)
	}
	return fmt.Errorf("move files: %w", err)
}
