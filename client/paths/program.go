package paths

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Program finds one of our programs: beside this one, which may have been started through a link, else on PATH. The error says where that is.
func Program(name string) (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	if real, err := filepath.EvalSymlinks(own); err == nil {
		own = real
	}
	return program(filepath.Dir(own), name)
}

func program(dir, name string) (string, error) {
	beside := filepath.Join(dir, name)
	if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
		return beside, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is neither in %s nor on PATH", name, dir)
	}
	return path, nil
}
