package kube

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/hub/pack"
)

// gcDir is gc's own folder in a city: sockets, locks and logs of the controller. What an agent needs of it gc names in copy_files.
const gcDir = ".gc"

// Files are the workspace, the overlays and the files to copy, in gc's order. With an image that holds the workspace nothing is copied.
func (b *Backend) Files(start *wire.Start, launch *wire.Launch) ([]hub.Files, error) {
	s, err := parseSettings(start.BaseEnv)
	if err != nil || s.prebaked {
		return nil, err
	}
	return files(start, launch.WorkDir, b.encoding), nil
}

func files(start *wire.Start, workDir, encoding string) []hub.Files {
	all := append(workspaces(start, workDir), hub.Overlays(start, hub.Files{Into: workDir})...)
	all = append(all, hub.Copies(start, hub.Files{Into: workspace}, destination)...)
	for i := range all {
		all[i].Encoding = encoding
	}
	return all
}

// workspaces are the agent's folder and the city around it.
func workspaces(start *wire.Start, workDir string) []hub.Files {
	var all []hub.Files
	city := cityOf(start)
	add := func(src, into string) {
		if info, err := os.Stat(src); err != nil || !info.IsDir() {
			return // the agent starts with an empty one
		}
		all = append(all, hub.Files{
			What: "workspace " + src, Into: into, Skip: outOfWorkspace,
			Fill: func(p *pack.Packer) error {
				p.Edit = worktrees(city.move)
				return p.Dir(src, "")
			},
		})
	}
	if len(city) > 0 {
		add(city[0], workspace)
	}
	if _, inside := city.rel(start.WorkDir); !inside && filepath.IsAbs(start.WorkDir) {
		add(start.WorkDir, workDir)
	}
	return all
}

// worktrees has git's work trees find their repository, and the other way round: both are files that hold the other's absolute path.
func worktrees(move func(string) string) func(src string) func(string) string {
	return func(src string) func(string) string {
		isPointer := filepath.Base(src) == ".git" // a folder where it isn't one of a work tree
		isBack := filepath.Base(src) == "gitdir" && filepath.Base(filepath.Dir(filepath.Dir(src))) == "worktrees"
		if isPointer || isBack {
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
