package local

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/hub"
)

// Files are overlays and files to copy, in gc's order. The work dir is used in place, and so is what lies in it already.
func (b *Backend) Files(start *wire.Start, launch *wire.Launch) ([]hub.Files, error) {
	workDir := launch.WorkDir
	like := hub.Files{Into: workDir, Skip: func(src, entry string) bool { return sameFile(src, filepath.Join(workDir, entry)) }}
	at := func(c wire.CopyFile) string { return destination(c, workDir) }
	return append(hub.Overlays(start, like), hub.Copies(start, like, at)...), nil
}

// destination is where a file goes, as pack's Path takes it. A file copied onto an existing folder goes into it.
func destination(c wire.CopyFile, workDir string) string {
	at := strings.TrimLeft(filepath.ToSlash(c.RelDst), "/") // relative, whatever it looks like
	if at == "" || at == "." {
		return ""
	}
	into := strings.HasSuffix(at, "/")
	if !into {
		info, err := os.Stat(filepath.Join(workDir, at))
		into = err == nil && info.IsDir()
	}
	if at = path.Clean(at); into {
		at += "/"
	}
	return at
}

// sameFile reports whether src is what dst is: copying would be for nothing, or destroy it.
func sameFile(src, dst string) bool {
	a, err := os.Stat(src)
	if err != nil {
		return false
	}
	b, err := os.Stat(dst)
	return err == nil && os.SameFile(a, b)
}
