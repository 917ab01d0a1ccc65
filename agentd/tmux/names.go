package tmux

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Missing tells that there is no tmux to be run, as an error for whoever chose the image; nil when there is one.
func Missing() error {
	if _, err := exec.LookPath("tmux"); err != nil {
		return fmt.Errorf("tmux is not installed in the image, or on the machine, that the agent is to run in (PATH is %q)", os.Getenv("PATH"))
	}
	return nil
}

// maxName bounds a socket's name, in bytes: its path must fit into a socket address.
const maxName = 64

// Alias has `tmux -L name` reach the same server as tmux without it, in dir. A name that no socket can have is passed over.
func Alias(dir, name string) error {
	if name == "" || name == "default" || len(name) > maxName || strings.ContainsAny(name, "/\x00") || name[0] == '.' {
		return nil
	}
	socket := SocketPath(dir)
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		return fmt.Errorf("make tmux's socket folder: %w", err)
	}
	err := os.Symlink(filepath.Base(socket), filepath.Join(filepath.Dir(socket), name))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("give tmux's socket another name: %w", err)
	}
	return nil
}
