package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// A docker client without its daemon is a common thing, and builds nothing.
func TestEngineThatDoesNotWorkIsPassedOver(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	write(t, filepath.Join(bin, "docker"), "#!/bin/sh\necho Cannot connect >&2\nexit 1\n", 0o755)
	e, err := pickEngine(context.Background(), "auto")
	if e != nil || err != nil {
		t.Errorf("docker without a daemon: picked %v, %v", e, err)
	}
	if _, err := pickEngine(context.Background(), "docker"); err == nil || !strings.Contains(err.Error(), "Cannot connect") {
		t.Errorf("docker asked for: error %v, want docker's own words", err)
	}
	write(t, filepath.Join(bin, "buildah"), "#!/bin/sh\nexit 0\n", 0o755)
	if e, err := pickEngine(context.Background(), "auto"); err != nil || e == nil || e.name != "buildah" {
		t.Errorf("buildah works: picked %v, %v", e, err)
	}
	if e, err := pickEngine(context.Background(), "none"); e != nil || err != nil {
		t.Errorf("none asked for: picked %v, %v", e, err)
	}
	if _, err := pickEngine(context.Background(), "kaniko"); err == nil {
		t.Error("an engine unheard of is accepted")
	}
}
