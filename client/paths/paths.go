// Package paths says where the client keeps its files: a state folder that outlives a reboot and a runtime folder for sockets. It finds its programs, too.
//
// Both come from XDG_STATE_HOME and XDG_RUNTIME_DIR (or HOME) alone. Two different sets of these never share a socket, so a hub serves
// exactly one state folder; two spellings of one state folder are one set.
package paths

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// maxSocketPath is the longest socket path used, in bytes. The kernel's limit is 103 on macOS and 107 on Linux.
const maxSocketPath = 100

// Dirs are the two folders. Both exist, belong to this user and are closed to others.
type Dirs struct {
	// State is $XDG_STATE_HOME/agentd, by default ~/.local/state/agentd.
	State string
	// Runtime is $XDG_RUNTIME_DIR/agentd-<hash of State>. Without XDG_RUNTIME_DIR, or when that makes socket paths too long, it is
	// /tmp/agentd-<uid>-<hash of both>. TMPDIR plays no part: it differs between a login and a service, which must find each other.
	Runtime string
}

// Open finds the folders from the environment and creates what is missing. A folder that isn't this user's alone is an error.
func Open() (Dirs, error) { return open(os.Getenv, os.Getuid(), "/tmp") }

func open(getenv func(string) string, uid int, tmp string) (Dirs, error) {
	state, err := stateDir(getenv)
	if err != nil {
		return Dirs{}, err
	}
	if err := MakeDir(state); err != nil {
		return Dirs{}, fmt.Errorf("state folder: %w", err)
	}
	if state, err = filepath.EvalSymlinks(state); err != nil {
		return Dirs{}, fmt.Errorf("state folder: %w", err)
	}
	runtime, err := runtimeDir(getenv, state, uid, tmp)
	if err != nil {
		return Dirs{}, err
	}
	if err := MakeDir(runtime); err != nil {
		return Dirs{}, fmt.Errorf("runtime folder (XDG_RUNTIME_DIR chooses another): %w", err)
	}
	return Dirs{State: state, Runtime: runtime}, nil
}

func stateDir(getenv func(string) string) (string, error) {
	home, err := absolute(getenv, "XDG_STATE_HOME")
	if err != nil {
		return "", err
	}
	if home != "" {
		return filepath.Join(home, "agentd"), nil
	}
	if home, err = absolute(getenv, "HOME"); err != nil {
		return "", err
	}
	if home == "" {
		return "", fmt.Errorf("no place for state: set HOME or XDG_STATE_HOME")
	}
	return filepath.Join(home, ".local", "state", "agentd"), nil
}

func runtimeDir(getenv func(string) string, state string, uid int, tmp string) (string, error) {
	xdg, err := absolute(getenv, "XDG_RUNTIME_DIR")
	if err != nil {
		return "", err
	}
	if xdg != "" {
		// The folder need not exist yet; where it does, its other spellings mean the same.
		if real, err := filepath.EvalSymlinks(xdg); err == nil {
			xdg = real
		}
		dir := filepath.Join(xdg, "agentd-"+hash(8, state))
		if len(dir)+longestSocket(uid) <= maxSocketPath {
			return dir, nil
		}
	}
	return filepath.Join(tmp, fmt.Sprintf("agentd-%d-%s", uid, hash(8, xdg, state))), nil
}

// absolute reads a variable that must hold an absolute path, or nothing. Going on with another folder would hide the user's sessions.
func absolute(getenv func(string) string, name string) (string, error) {
	dir := getenv(name)
	if dir != "" && !filepath.IsAbs(dir) {
		return "", fmt.Errorf("%s is %q: it must be an absolute path", name, dir)
	}
	return dir, nil
}

// longestSocket is the length of what is appended to Runtime for the longest socket path there: tmux's.
func longestSocket(uid int) int {
	return len("/s/") + idLength + len("/tmux-") + len(strconv.Itoa(uid)) + len("/default")
}

// hash gives the first n hex digits of the SHA-256 of the parts, each ended by a NUL, which no path holds.
func hash(n int, parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))[:n]
}
