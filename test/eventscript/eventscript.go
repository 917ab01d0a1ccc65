// Package eventscript has gc's own events script, by its kubectl steps: the second writer of tests, and what benchmarks measure against.
package eventscript

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed gc-events-k8s
var script []byte

// Write puts the script into a folder and gives its path. It wants bash and jq, and in KUBECTL the path of kubectl.
func Write(dir string) (string, error) {
	path := filepath.Join(dir, "script-gc-events-k8s")
	if err := os.WriteFile(path, script, 0o755); err != nil {
		return "", fmt.Errorf("write the events script: %w", err)
	}
	return path, nil
}
