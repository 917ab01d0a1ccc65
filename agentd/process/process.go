// Package process looks at the processes of an agent: the pane's own process and everything below it.
package process

import (
	"path"
	"slices"
)

// info is what is known of one process.
type info struct {
	pid    int
	zombie bool
	leads  bool   // it leads a session of its own, as what outlives its parents does
	comm   string // the kernel's name of it
	argv0  string // as the process was started, or as it renamed itself
}

// is tells whether the process has one of the names: exactly its comm, or exactly the base name of its argv[0]. A match within
// the command line would find every shell that merely mentions the name.
func (p info) is(names []string) bool {
	return !p.zombie && (slices.Contains(names, p.comm) || p.argv0 != "" && slices.Contains(names, path.Base(p.argv0)))
}

// Alive tells whether root or one of its descendants is a living process of one of the names.
func Alive(root int, names []string) (bool, error) {
	tree, err := tree(root)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(tree, func(p info) bool { return p.is(names) }), nil
}

// Tree gives the process ids of root and its descendants, zombies left out, parents before their children; nothing when root has ended.
func Tree(root int) ([]int, error) {
	tree, err := tree(root)
	if err != nil {
		return nil, err
	}
	pids := make([]int, 0, len(tree))
	for _, p := range tree {
		if !p.zombie {
			pids = append(pids, p.pid)
		}
	}
	return pids, nil
}
