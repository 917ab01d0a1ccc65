package hub

import (
	"os"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/hub/pack"
)

// Files are files of this machine that a start copies to a session.
type Files struct {
	// What they are, for progress and errors: `overlay "/etc/pack"`.
	What string
	// Into is the folder in the session that the entries are relative to, absolute.
	Into string
	// Fill writes the entries.
	Fill func(*pack.Packer) error
	// Skip tells which files, links and folders with all in them to leave out, by their source and their entry's name. It may be nil.
	Skip func(src, entry string) bool
	// Encoding is how they are compressed on their way, empty for not at all.
	Encoding string
}

// Overlays gives the folders that a start lays over the session's, in gc's order, each otherwise like the given Files.
func Overlays(start *wire.Start, like Files) []Files {
	var all []Files
	for _, dir := range append(start.PackOverlayDirs[:len(start.PackOverlayDirs):len(start.PackOverlayDirs)], start.OverlayDir) {
		if dir == "" {
			continue
		}
		f := like
		f.What = "overlay " + dir
		f.Fill = func(p *pack.Packer) error { return p.Dir(dir, "") }
		all = append(all, f)
	}
	return all
}

// Copies gives the files that a start copies over all else, in gc's order, each otherwise like the given Files. What isn't there is left out. destination
// says where one goes, as pack's Path takes it.
func Copies(start *wire.Start, like Files, destination func(wire.CopyFile) string) []Files {
	var all []Files
	for _, c := range start.CopyFiles {
		if _, err := os.Stat(c.Src); c.Src == "" || os.IsNotExist(err) {
			continue
		}
		f, at := like, destination(c)
		f.What = "file " + c.Src
		f.Fill = func(p *pack.Packer) error { return p.Path(c.Src, at) }
		all = append(all, f)
	}
	return all
}
