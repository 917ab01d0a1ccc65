// Package tarstream moves trees of files as tars, confined to a root: what is unpacked never lands outside, what is packed never comes from
// outside, whatever names and links the tar or the tree holds.
//
// It keeps modes, times, symbolic links and empty folders. Owners are left out: files belong to whoever unpacks them. Set-id bits are dropped.
// Unpack makes hard links where the tar has them; Pack writes a file that has several names once for each. Holes of sparse files are filled with zeros.
package tarstream

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
)

// Count says how much was moved.
type Count struct {
	// Files counts entries of every kind.
	Files int64
	// Bytes counts the contents of files.
	Bytes int64
}

// local gives a tar entry's name as a clean path below the root, "." for the root itself.
func local(name string) (string, error) {
	clean := path.Clean(strings.TrimSuffix(name, "/"))
	if name == "" || !filepath.IsLocal(filepath.FromSlash(clean)) {
		return "", wire.Errorf(wire.CodeForbidden, "%q is not a path inside the work dir", name)
	}
	return clean, nil
}

// leadsOut tells whether a link at name with the given target points outside the root by its text alone.
func leadsOut(name, target string) bool {
	return path.IsAbs(target) || !filepath.IsLocal(filepath.FromSlash(path.Join(path.Dir(name), target)))
}

// escaped tells whether err is os.Root's refusal of a path that leaves the root. The os package doesn't export that error, so its text decides.
func escaped(err error) bool {
	return err != nil && strings.Contains(err.Error(), "path escapes from parent")
}
