package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/hub/pack"
)

// stage sends the start's files in their order, each over the last: pack_overlay_dirs in turn, overlay_dir, copy_files.
func (f *starting) stage(ctx context.Context, conn *mux.Conn, workDir string) error {
	overlays := f.start.PackOverlayDirs
	if f.start.OverlayDir != "" {
		overlays = append(overlays[:len(overlays):len(overlays)], f.start.OverlayDir)
	}
	for _, dir := range overlays {
		if dir == "" || f.inPlace(dir, workDir) {
			continue
		}
		f.push(wire.Progress{Step: fmt.Sprintf("copying %s", dir)})
		err := f.put(ctx, conn, workDir, func(p *pack.Packer) error { return p.Dir(dir, "") })
		if err != nil {
			return fmt.Errorf("copy overlay %q: %w", dir, err)
		}
	}
	for _, c := range f.start.CopyFiles {
		if _, err := os.Stat(c.Src); c.Src == "" || os.IsNotExist(err) {
			continue
		}
		at := f.destination(c, workDir)
		f.push(wire.Progress{Step: fmt.Sprintf("copying %s", c.Src)})
		if err := f.put(ctx, conn, workDir, func(p *pack.Packer) error { return p.Path(c.Src, at) }); err != nil {
			return fmt.Errorf("copy file %q: %w", c.Src, err)
		}
	}
	return nil
}

// destination is where a file goes, as pack's Path takes it. A file copied onto an existing folder goes into it.
func (f *starting) destination(c wire.CopyFile, workDir string) string {
	at := strings.TrimLeft(filepath.ToSlash(c.RelDst), "/") // relative, whatever it looks like
	if at == "" || at == "." {
		return ""
	}
	into := strings.HasSuffix(at, "/")
	if f.hub.backend.SharesFiles() {
		info, err := os.Stat(filepath.Join(workDir, at))
		into = into || err == nil && info.IsDir()
	}
	if at = path.Clean(at); into {
		at += "/"
	}
	return at
}

// inPlace reports whether src is what dst is for the session: copying would be for nothing, or destroy it.
func (f *starting) inPlace(src, dst string) bool {
	if !f.hub.backend.SharesFiles() {
		return false
	}
	a, err := os.Stat(src)
	if err != nil {
		return false
	}
	b, err := os.Stat(dst)
	return err == nil && os.SameFile(a, b)
}

// put sends one tar into the work dir.
func (f *starting) put(ctx context.Context, conn *mux.Conn, workDir string, fill func(*pack.Packer) error) error {
	call, err := conn.Open(ctx, mux.Request{Op: wire.OpPut, Body: wire.Put{WorkDir: workDir}})
	if err != nil {
		return err
	}
	defer call.Cancel()
	skip := func(src, entry string) bool { return f.inPlace(src, filepath.Join(workDir, entry)) }
	p := pack.New(ctx, call, func(w string) { f.push(wire.Progress{Warning: w}) }, skip)
	err = fill(p)
	if err == nil {
		err = p.Close()
	}
	if err == nil {
		err = call.CloseWrite()
	}
	if errors.Is(err, io.ErrClosedPipe) {
		// agentd has ended the transfer; its reason says more than the broken write that followed.
		if reason := call.Result(nil); reason != nil {
			err = reason
		}
	}
	if err != nil {
		return err
	}
	return call.Result(nil)
}
