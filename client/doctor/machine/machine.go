// Package machine has the checks of sessions on this machine: its programs, folders and keys.
package machine

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/doctor"
	"github.com/gascity/agentd/client/paths"
	"github.com/gascity/agentd/client/token"
)

const (
	group        = "machine"
	foldersCheck = "the folders"
)

// Needed are the checks without which nothing that is asked of the hub can come right.
func Needed() []string { return []string{foldersCheck} }

// Checks are all, in their order.
func Checks() []doctor.Check {
	return []doctor.Check{
		{Group: group, Name: "tmux", Run: tmux},
		{Group: group, Name: "the programs", Run: programs},
		{Group: group, Name: foldersCheck, Run: folders},
		{Group: group, Name: "the keys", Needs: []string{foldersCheck}, Run: keys},
	}
}

func one(f doctor.Finding) []doctor.Finding { return []doctor.Finding{f} }

func tmux(ctx context.Context) []doctor.Finding {
	path, err := exec.LookPath("tmux")
	if err != nil {
		return one(doctor.Bad("install it: apt-get install tmux, or brew install tmux", "tmux is not on PATH: agents run in it"))
	}
	said, err := exec.CommandContext(ctx, path, "-V").Output()
	if err != nil {
		return one(doctor.Bad("install it anew", "%s -V: %v", path, err))
	}
	return one(doctor.Good("%s (%s)", strings.TrimSpace(string(said)), path))
}

// programs looks for the programs that start one another. Each looks beside itself first, then on PATH.
func programs(ctx context.Context) []doctor.Finding {
	found := []doctor.Finding{agentd(ctx, wire.BuildVersion())}
	if _, err := paths.Program("gc-session-local"); err != nil {
		return append(found, doctor.Doubtful("put it beside gcctl; GC_SESSION names its path", "gc-session-local is neither beside gcctl nor on PATH: gc needs it, gcctl doesn't"))
	}
	return append(found, doctor.Good("gc-session-local is there"))
}

// agentd must be there, and should be of gcctl's build.
func agentd(ctx context.Context, ours string) doctor.Finding {
	path, err := paths.Program("agentd")
	if err != nil {
		return doctor.Bad("put it beside gcctl, or on PATH", "%v", err)
	}
	theirs, err := versionOf(ctx, path)
	switch {
	case err != nil:
		return doctor.Bad("install it anew", "%v", err)
	case theirs != ours:
		return doctor.Doubtful("install both of one build", "%s is of version %s, gcctl of %s", path, theirs, ours)
	}
	return doctor.Good("agentd is gcctl's build, %s (%s)", theirs, path)
}

// versionOf asks an agentd for its version: the second word that it prints.
func versionOf(ctx context.Context, path string) (string, error) {
	said, err := exec.CommandContext(ctx, path, "version").Output()
	if err != nil {
		return "", fmt.Errorf("%s version: %w", path, err)
	}
	words := strings.Fields(string(said))
	if len(words) < 2 {
		return "", fmt.Errorf("%s version: it said %q", path, said)
	}
	return words[1], nil
}

func folders(context.Context) []doctor.Finding {
	dirs, err := paths.Open()
	if err != nil {
		return one(doctor.Bad("chmod 700 it, or let XDG_STATE_HOME and XDG_RUNTIME_DIR name folders that are yours alone", "%v", err))
	}
	return one(doctor.Good("folders are yours alone: %s, %s", dirs.State, dirs.Runtime))
}

func keys(context.Context) []doctor.Finding {
	dirs, err := paths.Open()
	if err == nil {
		_, err = token.Open(dirs.Keys())
	}
	if err != nil {
		return one(doctor.Bad("gcctl stop ends sessions that trust the old key; without "+filepath.Join(dirs.Keys(), "signing.pem")+" a new one is made", "%v", err))
	}
	return one(doctor.Good("there are keys for agents (%s)", dirs.Keys()))
}
