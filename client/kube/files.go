package kube

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/hub/pack"
)

// gcDir is gc's own folder in a city: sockets, locks and logs of the controller, and work dirs of agents. What else an agent needs of it gc names in copy_files.
const gcDir = ".gc"

// Files are the workspace, the overlays and the files to copy, in gc's order. With an image that holds the workspace nothing is copied.
func (b *Backend) Files(start *wire.Start, launch *wire.Launch) ([]hub.Files, error) {
	s, err := parseSettings(start.BaseEnv)
	if err != nil || s.prebaked {
		return nil, err
	}
	return files(start, launch.WorkDir, b.encoding)
}

func files(start *wire.Start, workDir, encoding string) ([]hub.Files, error) {
	all, err := workspaces(start)
	if err != nil {
		return nil, err
	}
	all = append(all, hub.Overlays(start, hub.Files{Into: workDir})...)
	all = append(all, hub.Copies(start, hub.Files{Into: workspace}, destination)...)
	for i := range all {
		all[i].Encoding = encoding
	}
	return all, nil
}

// workspaces are the city and, where the city's copy doesn't bring it, the agent's folder.
func workspaces(start *wire.Start) ([]hub.Files, error) {
	var all []hub.Files
	city := cityOf(start)
	apart := city.apart(start.WorkDir)
	edit := worktrees(city.moveWith(start.WorkDir, apart))
	add := func(into string, spellings ...string) error {
		src, err := firstFolder(spellings)
		if src == "" {
			return err // nil: agentd makes the work dir where nothing else does
		}
		all = append(all, hub.Files{
			What: "workspace " + src, Into: into, Skip: outOfWorkspace,
			Fill: func(p *pack.Packer) error {
				p.Edit = edit
				return p.Dir(src, "")
			},
		})
		return nil
	}
	if err := add(workspace, city...); err != nil {
		return nil, err
	}
	if apart != "" {
		if err := add(apart, start.WorkDir); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// firstFolder gives the first that is a folder, of several spellings of one: empty when none is. Where one can't be read, that is an error: the agent would do its
// work in an empty folder.
func firstFolder(spellings []string) (string, error) {
	var unreadable error
	for _, dir := range spellings {
		info, err := os.Stat(dir)
		if err == nil && info.IsDir() {
			if _, err = os.ReadDir(dir); err == nil {
				return dir, nil
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			unreadable = wire.Errorf(wire.CodeFailed, "copy workspace %s: %v", dir, err)
		}
	}
	return "", unreadable
}

// apart gives where a work dir is copied to by itself, "" where the city's copy brings it. That leaves out what is in a folder of gc's own, and what a link
// out of the city leads to; a link within it is kept, and leads to where the folder is in the pod, too.
func (c city) apart(dir string) string {
	if !filepath.IsAbs(dir) {
		return ""
	}
	if rel, inside := c.rel(dir); !inside || inGCDir(rel) {
		return c.workDir(dir)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "" // it isn't there
	}
	switch rel, inside := c.rel(real); {
	case !inside:
		return c.workDir(dir)
	case inGCDir(rel):
		return c.workDir(real)
	}
	return ""
}

// inGCDir says whether a folder of the city lies in one of gc's own. gc's own folder itself does not: it stays behind, whoever works in it.
func inGCDir(rel string) bool {
	return path.Base(rel) != gcDir && slices.Contains(strings.Split(rel, "/"), gcDir)
}

// moveWith is move for a file that names one folder or file. It knows a work dir that is copied by itself, too, by the name that git has for it: with links
// resolved.
func (c city) moveWith(workDir, apart string) func(string) string {
	real, err := filepath.EvalSymlinks(workDir)
	if apart == "" || err != nil {
		return c.move
	}
	return func(text string) string {
		if rest, ok := strings.CutPrefix(text, real+"/.git"); ok && strings.TrimSpace(rest) == "" {
			return apart + "/.git" + rest
		}
		return c.move(text)
	}
}

// worktrees has git's work trees find their repository, and the other way round, and the work trees that gc's packs make the beads of their rig: all by files
// that hold the other's absolute path.
func worktrees(move func(string) string) func(src string) func(string) string {
	return func(src string) func(string) string {
		dir, base := filepath.Dir(src), filepath.Base(src)
		isPointer := base == ".git" // a folder where it isn't one of a work tree
		isBack := base == "gitdir" && filepath.Base(filepath.Dir(dir)) == "worktrees"
		isBeads := base == "redirect" && filepath.Base(dir) == ".beads"
		if isPointer || isBack || isBeads {
			return move
		}
		return nil
	}
}

// outOfWorkspace leaves out gc's own folder, wherever it is.
func outOfWorkspace(_, entry string) bool { return path.Base(entry) == gcDir }

// destination is where a file goes in the workspace, as pack's Path takes it. gc means the workspace, not the work dir.
func destination(c wire.CopyFile) string {
	at := strings.TrimLeft(filepath.ToSlash(c.RelDst), "/")
	switch clean := path.Clean(at); {
	case clean == ".":
		return ""
	case strings.HasSuffix(at, "/"):
		return clean + "/"
	default:
		return clean
	}
}
