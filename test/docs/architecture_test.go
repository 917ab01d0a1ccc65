package docs

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTheTableOfFoldersHasThePackagesOfBothHalves(t *testing.T) {
	t.Parallel()
	var page, code []string
	for _, folders := range column(rows(section(t, read(t, "docs/architecture.md"), "## Folders")), 0) {
		for folder := range strings.SplitSeq(folders, ", ") {
			if half, _, _ := strings.Cut(folder, "/"); half == "agentd" || half == "client" {
				page = append(page, strings.TrimSuffix(folder, "/"))
			}
		}
	}
	for _, half := range []string{"agentd", "client"} {
		err := filepath.WalkDir(filepath.Join(root, half), func(path string, _ fs.DirEntry, err error) error {
			if filepath.Ext(path) == ".go" {
				code = append(code, strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), root+"/"))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(code)
	same(t, "packages", page, slices.Compact(code))
}
