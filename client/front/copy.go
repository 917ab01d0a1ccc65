package front

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/hub/pack"
)

func copyTo(ctx context.Context, r *run, args []string) error {
	session, src, dst := args[0], args[1], ""
	if len(args) > 2 {
		dst = args[2]
	}
	info, err := os.Stat(src)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gc names files that need not be there
	}
	if err != nil {
		return err // names the operation and the file
	}
	return r.link.do(ctx, repeatable, func(ctx context.Context, c *mux.Conn) error {
		at := dst
		if !info.IsDir() && at != "" && !strings.HasSuffix(at, "/") {
			folder, err := isFolder(ctx, c, session, at)
			if err != nil {
				return err
			}
			if folder {
				at += "/" // a file goes into a folder, not in its place
			}
		}
		return r.put(ctx, c, session, src, at)
	})
}

// isFolder looks whether the session's work dir has a folder at name, by the first entry of its tar.
func isFolder(ctx context.Context, c *mux.Conn, session, name string) (bool, error) {
	k, err := c.Open(ctx, mux.Request{Op: wire.OpGet, Session: session, Body: wire.Get{Path: name}, Window: 4 << 10})
	if err != nil {
		return false, err
	}
	defer k.Cancel()
	header, err := tar.NewReader(k).Next()
	switch {
	case err == nil:
		return header.Typeflag == tar.TypeDir, nil
	case mux.Lost(err), wire.CodeOf(err) == wire.CodeUnavailable, wire.CodeOf(err) == wire.CodeNoSession, ctx.Err() != nil:
		return false, err
	default:
		return false, nil // not there, or not to be read: putting it will tell
	}
}

// put sends src to the session's work dir, as the entry at.
func (r *run) put(ctx context.Context, c *mux.Conn, session, src, at string) error {
	k, err := c.Open(ctx, mux.Request{Op: wire.OpPut, Session: session, Body: wire.Put{}})
	if err != nil {
		return err
	}
	defer k.Cancel()
	p := pack.New(ctx, k, func(warning string) { r.say("copy-to: warning: %s", warning) }, nil)
	err = p.Path(src, at)
	if err == nil {
		err = p.Close()
	}
	if err == nil {
		err = k.CloseWrite()
	}
	if err != nil && !errors.Is(err, io.ErrClosedPipe) {
		return fmt.Errorf("send %q: %w", src, err)
	}
	return k.Result(nil) // also tells why the stream was closed early
}

func copyFrom(ctx context.Context, r *run, args []string) error {
	out := &counter{w: r.stdout}
	return r.link.do(ctx, repeatable, func(ctx context.Context, c *mux.Conn) error {
		k, err := c.Open(ctx, mux.Request{Op: wire.OpGet, Session: args[0], Body: wire.Get{Path: args[1]}})
		if err != nil {
			return err
		}
		defer k.Cancel()
		if err = unpack(out, k); err == nil {
			err = k.Result(nil)
		}
		if err != nil && out.n > 0 {
			// What was printed can't be taken back, so this is no attempt to repeat, whatever the cause.
			return wire.Errorf(wire.CodeFailed, "broke off after %d bytes: %s", out.n, err)
		}
		return err
	})
}

// unpack writes a file's bytes for the tar of a file, and the tar itself for that of a folder.
func unpack(w io.Writer, r io.Reader) error {
	var head bytes.Buffer
	first, err := tar.NewReader(io.TeeReader(r, &head)).Next()
	if err != nil {
		return err
	}
	whole := io.MultiReader(&head, r)
	if first.Typeflag != tar.TypeReg {
		_, err := io.Copy(w, whole)
		return err
	}
	file := tar.NewReader(whole)
	if _, err := file.Next(); err != nil {
		return err
	}
	if _, err := io.Copy(w, file); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, whole) // the padding; what fails there fails the copy
	return err
}

// counter counts the bytes written through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
