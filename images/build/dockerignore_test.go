package main

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An engine is sent what .dockerignore lets through, and nothing else can be copied.
func TestAnEngineIsSentWhatTheDockerfilesCopy(t *testing.T) {
	t.Parallel()
	ignore, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	var sent []string
	for line := range strings.FieldsSeq(string(ignore)) {
		if pattern, ok := strings.CutPrefix(line, "!"); ok {
			sent = append(sent, pattern)
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "images/*/Dockerfile"))
	if err != nil || len(files) < 3 {
		t.Fatalf("found %q, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if len(words) < 3 || words[0] != "COPY" || strings.HasPrefix(words[1], "--from=") {
				continue
			}
			for _, source := range words[1 : len(words)-1] {
				source = strings.ReplaceAll(source, "${TARGETARCH}", "amd64")
				if !slices.ContainsFunc(sent, func(pattern string) bool {
					match, _ := path.Match(pattern, source)
					return match || strings.HasPrefix(source, pattern+"/")
				}) {
					t.Errorf("%s copies %s, which .dockerignore keeps back", file, source)
				}
			}
		}
	}
}
