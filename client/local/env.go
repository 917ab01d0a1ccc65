package local

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
)

// Adapt gives the launch the caller's environment and, where it names none, the home folder as work dir.
func (b *Backend) Adapt(launch *wire.Launch, start *wire.Start) error {
	env := agentdEnv(start.BaseEnv)
	if start.BaseEnv != nil {
		launch.BaseEnv = make(map[string]string, len(env))
		for _, pair := range env {
			if k, v, ok := strings.Cut(pair, "="); ok && k != "" {
				launch.BaseEnv[k] = v
			}
		}
	}
	if launch.WorkDir == "" {
		launch.WorkDir = home(env)
	}
	if !filepath.IsAbs(launch.WorkDir) {
		return wire.Errorf(wire.CodeBadRequest, "work_dir %q is not an absolute path", launch.WorkDir)
	}
	launch.WorkDir = filepath.Clean(launch.WorkDir)
	return nil
}

// agentdEnv is what of an environment reaches agentd and the agent; nil means this process's own. What speaks of the caller's own terminal, tmux and gc
// stays behind.
func agentdEnv(base []string) []string {
	if base == nil {
		base = os.Environ()
	}
	env := make([]string, 0, len(base))
	for _, pair := range base {
		name, _, ok := strings.Cut(pair, "=")
		if !ok || name == "" || callersOwn(name) {
			continue
		}
		env = append(env, pair)
	}
	return env
}

func callersOwn(name string) bool {
	switch name {
	case "GC_SESSION", "GC_EVENTS", "GC_BEADS", "TMUX", "COLUMNS", "LINES", "PWD", "OLDPWD", "SHLVL", "_", wire.DetachedEnv:
		return true
	}
	return strings.HasPrefix(name, "TMUX_")
}

// lookupEnv gives a variable's last value.
func lookupEnv(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(env[i], name+"="); ok {
			return v
		}
	}
	return ""
}
