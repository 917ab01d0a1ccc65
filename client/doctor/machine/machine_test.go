package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gascity/agentd/client/doctor"
)

// The tests change the environment, which is the process's: none runs beside another.

// program puts a shell script in a folder's place for programs.
func program(t *testing.T, dir, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func checkFinding(t *testing.T, got doctor.Finding, status doctor.Status, text, hint string) {
	t.Helper()
	if got.Status != status || !strings.Contains(got.Text, text) || !strings.Contains(got.Hint, hint) || (got.Hint == "") != (hint == "") {
		t.Errorf("got  %+v\nwant %s: %s (%s)", got, status, text, hint)
	}
}

func TestTmuxIsLookedForAndAsked(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	checkFinding(t, tmux(t.Context())[0], doctor.Failed, "tmux is not on PATH", "install it")
	program(t, dir, "tmux", "exit 3")
	checkFinding(t, tmux(t.Context())[0], doctor.Failed, "tmux -V: exit status 3", "install it anew")
	program(t, dir, "tmux", "echo tmux 3.3a")
	checkFinding(t, tmux(t.Context())[0], doctor.OK, "tmux 3.3a ("+dir, "")
}

func TestAgentdIsToBeOfTheSameBuild(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	ask := func() doctor.Finding { return agentd(t.Context(), "v2") }
	checkFinding(t, ask(), doctor.Failed, "agentd is neither in ", "or on PATH")
	program(t, dir, "agentd", "echo agentd v1 linux/amd64")
	checkFinding(t, ask(), doctor.Warning, dir+"/agentd is of version v1, gcctl of v2", "of one build")
	program(t, dir, "agentd", "echo agentd v2")
	checkFinding(t, ask(), doctor.OK, "agentd is gcctl's build, v2 ("+dir, "")
	program(t, dir, "agentd", "exit 1")
	checkFinding(t, ask(), doctor.Failed, "agentd version: exit status 1", "install it anew")
	program(t, dir, "agentd", "echo odd")
	checkFinding(t, ask(), doctor.Failed, `it said "odd\n"`, "install it anew")
}

func TestProgramsThatGcNeedsAreMissedWithoutBlame(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	found := programs(t.Context())
	if len(found) != 2 {
		t.Fatalf("got %+v", found)
	}
	checkFinding(t, found[1], doctor.Warning, "gc-session-local is neither beside gcctl nor on PATH", "GC_SESSION")
}

// home gives a state and a runtime folder, and says where the first is.
func home(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_STATE_HOME", dir)
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(dir, "run"))
	return filepath.Join(dir, "agentd")
}

func TestFoldersAreToBeOnesOwn(t *testing.T) {
	state := home(t)
	checkFinding(t, folders(t.Context())[0], doctor.OK, state, "")
	if err := os.Chmod(state, 0o755); err != nil {
		t.Fatal(err)
	}
	checkFinding(t, folders(t.Context())[0], doctor.Failed, state, "chmod 700")
	t.Setenv("XDG_STATE_HOME", "here")
	checkFinding(t, folders(t.Context())[0], doctor.Failed, `XDG_STATE_HOME is "here"`, "XDG_STATE_HOME")
}

func TestKeysAreMadeOrSaidToBeBroken(t *testing.T) {
	state := home(t)
	checkFinding(t, keys(t.Context())[0], doctor.OK, state, "")
	var signing string
	_ = filepath.WalkDir(state, func(path string, _ os.DirEntry, err error) error {
		if filepath.Base(path) == "signing.pem" {
			signing = path
		}
		return err
	})
	if err := os.WriteFile(signing, []byte("odd"), 0o600); err != nil {
		t.Fatal(err)
	}
	checkFinding(t, keys(t.Context())[0], doctor.Failed, fmt.Sprintf("%q holds no Ed25519 private key", signing), "without "+signing)
	if err := os.Remove(signing); err != nil {
		t.Fatal(err)
	}
	checkFinding(t, keys(t.Context())[0], doctor.OK, state, "")
}
