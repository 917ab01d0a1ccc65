package gcctl

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/client/hub/pack"
)

// copyIn copies a file or folder of this machine into a session.
func (a *app) copyIn(ctx context.Context, src, dst place) error {
	info, err := os.Stat(src.path)
	if err != nil {
		return missingFile(src.path, err)
	}
	at, err := a.destination(ctx, src, dst)
	if err != nil {
		return err
	}
	if !info.IsDir() && at == "" {
		at = src.base()
	}
	return a.put(ctx, dst.session, func(ctx context.Context, w io.Writer) error {
		p := pack.New(ctx, w, a.warn, nil)
		if err := p.Path(src.path, at); err != nil {
			return err
		}
		return p.Close()
	})
}

// copyStdin copies what is on stdin into a file in a session. A tar tells sizes first, so it goes by way of a file.
func (a *app) copyStdin(ctx context.Context, cmd *cobra.Command, dst place) error {
	if dst.into() {
		return usage(cmd, "stdin has no name: give the file's, as in %s:notes.txt", dst.session)
	}
	f, err := os.CreateTemp("", "gcctl-cp-")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil { // it lives as long as it is open
		return err
	}
	size, err := drain(ctx, f, a.streams.In)
	if err != nil {
		return fmt.Errorf("read stdin: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return a.put(ctx, dst.session, func(_ context.Context, w io.Writer) error {
		t := tar.NewWriter(w)
		h := &tar.Header{Typeflag: tar.TypeReg, Name: path.Clean(dst.path), Mode: 0o644, Size: size, ModTime: time.Now()}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(t, f); err != nil {
			return err
		}
		return t.Close()
	})
}

// copyAcross copies from one session into another.
func (a *app) copyAcross(ctx context.Context, src, dst place) error {
	at, err := a.destination(ctx, src, dst)
	if err != nil {
		return err
	}
	return a.copyOut(ctx, src, func(_ context.Context, in *incoming) error {
		return a.put(ctx, dst.session, func(_ context.Context, w io.Writer) error { return in.rename(w, at) })
	})
}

// rename passes a tar on with what it holds placed at another path.
func (in *incoming) rename(w io.Writer, at string) error {
	t := tar.NewWriter(w)
	for {
		h, err := in.tar.Next()
		if errors.Is(err, io.EOF) {
			return t.Close()
		}
		if err != nil {
			return err
		}
		name := at
		if in.folder() {
			name = path.Join(at, h.Name)
			if h.Typeflag == tar.TypeLink {
				h.Linkname = path.Join(at, h.Linkname)
			}
		} else if at == "" {
			name = h.Name
		}
		if name == "" { // the work dir itself
			continue
		}
		if h.Typeflag == tar.TypeDir {
			name += "/"
		}
		h.Name = name
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(t, in.tar); err != nil {
			return err
		}
	}
}
