package binaries

import (
	"io/fs"
	"os"
	"strings"
)

// onlyGo is the folder at dir without tests and what else a build doesn't need.
func onlyGo(dir string) fs.FS { return sourceFS{os.DirFS(dir)} }

type sourceFS struct{ fs.FS }

// ReadDir leaves out tests and their data. Other files stay: they may be embedded.
func (s sourceFS) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(s.FS, name)
	if err != nil {
		return nil, err
	}
	var kept []fs.DirEntry
	for _, e := range all {
		if e.Name() != "testdata" && !strings.HasSuffix(e.Name(), "_test.go") {
			kept = append(kept, e)
		}
	}
	return kept, nil
}
