package paths

import (
	"fmt"
	"os"
	"syscall"
)

// MakeDir makes dir and its parents where they are missing, for this user alone (0700), and checks that an existing dir is so: sockets in
// it are trusted without asking who listens.
func MakeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err // names the operation and the folder
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	return check(dir, info, os.Geteuid())
}

func check(dir string, info os.FileInfo, uid int) error {
	if !info.IsDir() {
		// A link could be pointed elsewhere by whoever owns the folder it is in.
		return fmt.Errorf("%q is not a folder: remove it", dir)
	}
	if owner := int(info.Sys().(*syscall.Stat_t).Uid); owner != uid {
		return fmt.Errorf("%q belongs to uid %d, not to you (uid %d): remove it", dir, owner, uid)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%q is open to other users (mode %04o): run chmod 700 on it", dir, mode)
	}
	return nil
}
