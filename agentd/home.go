package agentd

import (
	"errors"
	"fmt"
	"os"
)

// usableHome gives the agent's HOME: the one that this process has, or, when that can't be made or written, the fallback. A pod's user may be any number,
// which the image has no home for. Without a fallback nothing is looked at, and the agent gets what there is.
func usableHome(home, fallback string) (string, error) {
	if fallback == "" {
		return home, nil
	}
	unusable := errors.New("no HOME is set")
	if home != "" {
		if unusable = tryHome(home); unusable == nil {
			return home, nil
		}
	}
	if err := tryHome(fallback); err != nil {
		return "", fmt.Errorf("find a home for the agent: %w; and %w", unusable, err)
	}
	return fallback, nil
}

// tryHome makes a home if need be, and sees whether a file can be made in it: permissions alone don't tell, as the file system may be read-only.
func tryHome(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".agentd-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
