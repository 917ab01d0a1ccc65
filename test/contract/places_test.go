package contract_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gascity/agentd/client/paths"
)

// saysOneLine checks that an operation fails with one line that holds each of the words.
func (g *gc) saysOneLine(words []string, stdin string, args ...string) {
	g.t.Helper()
	said := g.fails(stdin, args...)
	for _, word := range words {
		if !strings.Contains(said, word) {
			g.t.Errorf("%q says nothing of %q: %q", args, word, said)
		}
	}
}

// only makes a folder of the world with links to programs, to be a PATH.
func (g *gc) only(dir string, names ...string) string {
	g.t.Helper()
	for _, name := range names {
		if err := os.MkdirAll(g.path(dir), 0o755); err != nil {
			g.t.Fatal(err)
		}
		if err := os.Symlink(need(g.t, name), g.path(dir, name)); err != nil {
			g.t.Fatal(err)
		}
	}
	return g.path(dir)
}

// programsWithout makes a folder with all of our programs but one.
func (g *gc) programsWithout(missing string) string {
	g.t.Helper()
	dir := g.path("bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		g.t.Fatal(err)
	}
	for _, name := range []string{"agentd", "gcctl", "gc-session-local"} {
		// Hard links, as the programs look beside the file that a symbolic link leads to.
		if name != missing {
			if err := copyProgram(filepath.Join(programs, name), filepath.Join(dir, name)); err != nil {
				g.t.Fatal(err)
			}
		}
	}
	return dir
}

func copyProgram(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

func TestAMissingProgramIsOneClearLine(t *testing.T) {
	t.Parallel()
	for _, hub := range []string{"", "GC_HUB=off"} {
		t.Run("gcctl "+hub, func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			g.bin, g.env = g.programsWithout("gcctl"), append(g.env, hub)
			g.saysOneLine([]string{"gcctl", "PATH"}, "", "is-running", "s")
			g.saysOneLine([]string{"gcctl", "PATH"}, g.json(config{"command": "cat"}), "start", "s")
			g.saysOneLine([]string{"gcctl", "PATH"}, "", "attach", "s")
		})
		t.Run("agentd "+hub, func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			g.bin, g.env = g.programsWithout("agentd"), append(g.env, hub)
			g.is("false", "is-running", "s")
			g.saysOneLine([]string{"agentd", "PATH"}, g.json(config{"command": "cat"}), "start", "s")
			g.is("false", "is-running", "s")
			g.nothingKept("s")
		})
		t.Run("tmux "+hub, func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			g.env = append(g.env, "PATH="+g.only("path", "sh", "cat"), hub)
			g.saysOneLine([]string{"tmux"}, g.json(config{"command": "cat"}), "start", "s")
			g.is("false", "is-running", "s")
			g.nothingKept("s")
		})
	}
}

// nothingKept checks that there are no folders of a session.
func (g *gc) nothingKept(name string) {
	g.t.Helper()
	for _, pattern := range []string{"state/agentd/local/*", "run/*/s/*"} {
		if left, _ := filepath.Glob(g.path(pattern)); len(left) > 0 {
			g.t.Errorf("left of %s: %q", name, left)
		}
	}
}

func TestAPlaceThatCannotBeUsedIsOneClearLine(t *testing.T) {
	t.Parallel()
	file := func(elements ...string) func(g *gc) {
		return func(g *gc) { g.write("", elements...) }
	}
	open := func(elements ...string) func(g *gc) {
		return func(g *gc) {
			if err := os.MkdirAll(g.path(elements...), 0o700); err != nil {
				g.t.Fatal(err)
			}
			if err := os.Chmod(g.path(elements...), 0o777); err != nil {
				g.t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		spoil func(g *gc)
		says  []string
	}{
		"the state folder is a file":              {file("state", "agentd"), []string{"state/agentd"}},
		"the state folder is open to others":      {open("state", "agentd"), []string{"state/agentd", "chmod 700"}},
		"the sessions' folder is a file":          {file("state", "agentd", "local"), []string{"state/agentd"}},
		"the keys' folder is a file":              {file("state", "agentd", "keys"), []string{"state/agentd/keys"}},
		"the key is no key":                       {file("state", "agentd", "keys", "signing.pem"), []string{"state/agentd/keys/signing.pem"}},
		"the hub's log is a folder":               {open("state", "agentd", "hub-local.log"), []string{"state/agentd/hub-local.log"}},
		"XDG_STATE_HOME is relative":              {func(g *gc) { g.env = append(g.env, "XDG_STATE_HOME=here") }, []string{"XDG_STATE_HOME", `"here"`}},
		"XDG_RUNTIME_DIR is relative":             {func(g *gc) { g.env = append(g.env, "XDG_RUNTIME_DIR=here") }, []string{"XDG_RUNTIME_DIR", `"here"`}},
		"XDG_STATE_HOME is in what has no place":  {func(g *gc) { g.env = append(g.env, "XDG_STATE_HOME=/dev/null/state") }, []string{"/dev/null"}},
		"XDG_RUNTIME_DIR is in what has no place": {func(g *gc) { g.env = append(g.env, "XDG_RUNTIME_DIR=/dev/null/run") }, []string{"/dev/null", "XDG_RUNTIME_DIR"}},
		"there is no HOME at all":                 {func(g *gc) { g.env = []string{"PATH=" + os.Getenv("PATH")} }, []string{"HOME", "XDG_STATE_HOME"}},
	} {
		for _, hub := range []string{"", "GC_HUB=off"} {
			if hub != "" && strings.HasPrefix(name, "the hub's") {
				continue
			}
			t.Run(name+" "+hub, func(t *testing.T) {
				t.Parallel()
				g := newGC(t)
				sound := g.env
				test.spoil(g)
				// The folders are made 0700 by the programs; what a test makes below is as open as it says.
				for _, dir := range []string{"state/agentd", "state/agentd/keys"} {
					if info, err := os.Stat(g.path(dir)); err == nil && info.Mode().Perm() == 0o755 {
						if err := os.Chmod(g.path(dir), 0o700); err != nil {
							t.Fatal(err)
						}
					}
				}
				g.env = append(g.env, hub)
				g.saysOneLine(test.says, "", "is-running", "s")
				g.saysOneLine(test.says, "", "list-running", "")
				g.saysOneLine(test.says, g.json(config{"command": "cat"}), "start", "s")
				os.RemoveAll(g.path("state", "agentd"))
				g.env = sound
			})
		}
	}
}

// smallDisk mounts a disk of so many bytes in the place of a folder.
func (g *gc) smallDisk(size, options string, elements ...string) {
	g.t.Helper()
	dir := g.path(elements...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		g.t.Fatal(err)
	}
	if err := mountMemory(dir, size, options); err != nil {
		cannot(g.t, "a disk of its own can't be had here (it takes root, on Linux): %v", err)
	}
	g.t.Cleanup(func() { _ = unmount(dir) }) // before the world's end, which removes dir
}

func TestAFullDiskIsOneClearLine(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.smallDisk("256k", "", "state")
	g.start("lives", config{"command": "echo words; exec cat"})
	g.fill("state")
	r := g.tryStart("s", config{"command": "cat"})
	if r.status != 1 || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "no space left") {
		t.Errorf("start on a full disk: status %d, %q", r.status, r.stderr)
	}
	// What lives goes on, and a new hub finds it, though it can't log.
	for range 2 {
		g.is("true", "is-running", "lives")
		g.is("lives", "list-running", "")
		g.untilScreen("lives", "words")
		g.is("false", "is-running", "s")
		g.kill(g.hub().PID)
	}
	g.ok("stop", "lives")
	g.is("false", "is-running", "lives")
}

// fill writes to a disk until it is full.
func (g *gc) fill(elements ...string) {
	g.t.Helper()
	f, err := os.Create(filepath.Join(g.path(elements...), "filler"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{4096, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			g.t.Fatal(err)
		}
	}
}

func TestAReadOnlyPlaceIsOneClearLine(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"state", "run"} {
		for _, hub := range []string{"", "GC_HUB=off"} {
			t.Run(dir+" "+hub, func(t *testing.T) {
				t.Parallel()
				g := newGC(t)
				g.smallDisk("256k", "ro", dir)
				g.env = append(g.env, hub)
				words := []string{g.path(dir), "read-only"}
				g.saysOneLine(words, "", "is-running", "s")
				g.saysOneLine(words, g.json(config{"command": "cat"}), "start", "s")
			})
		}
	}
}

func TestNothingIsOpenToOtherUsers(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", config{"command": "echo words; exec cat", "nudge": "hello"})
	g.untilScreen("s", "hello")
	g.okIn("v", "set-meta", "s", "K")
	found := 0
	check := func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a temporary file
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		found++
		// Sockets are as open as their folder.
		if info.Mode()&fs.ModeSocket == 0 && info.Mode().Perm()&0o077 != 0 && filepath.Base(path) != "public.pem" {
			t.Errorf("%s is open to others: %s", path, info.Mode())
		}
		return nil
	}
	for _, dir := range []string{"state", "run"} {
		if err := filepath.WalkDir(g.path(dir), check); err != nil {
			t.Fatal(err)
		}
	}
	if found < 15 {
		t.Errorf("only %d files were found", found)
	}
}

func TestADamagedSessionIsNoOthersTrouble(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(g *gc, dir string){
		"its description is empty, as after a power cut": func(g *gc, dir string) { g.overwrite("", dir, "session.json") },
		"its description is cut off":                     func(g *gc, dir string) { g.overwrite(`{"name":"bro`, dir, "session.json") },
		"its description is another's":                   func(g *gc, dir string) { g.overwrite(`{"name":"other","instance":"x"}`, dir, "session.json") },
		"its description is a folder": func(g *gc, dir string) {
			if err := errors.Join(os.Remove(filepath.Join(dir, "session.json")), os.Mkdir(filepath.Join(dir, "session.json"), 0o700)); err != nil {
				g.t.Fatal(err)
			}
		},
		"its description is gone": func(g *gc, dir string) {
			if err := os.Remove(filepath.Join(dir, "session.json")); err != nil {
				g.t.Fatal(err)
			}
		},
		"there is a file among the sessions": func(g *gc, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				g.t.Fatal(err)
			}
			g.overwrite("", filepath.Dir(dir), "notes.txt")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGC(t)
			g.start("sound", config{"command": "cat"})
			g.start("broken", config{"command": "cat"})
			g.kill(g.hub().PID)
			// As after a reboot: nothing of it lives.
			broken := paths.SessionID("broken")
			for _, p := range g.processes() {
				if strings.Contains(p.args, broken) {
					_ = syscall.Kill(p.pid, syscall.SIGKILL)
				}
			}
			spoil(g, g.path("state", "agentd", "local", broken))
			g.is("sound", "list-running", "")
			g.is("true", "is-running", "sound")
			g.is("false", "is-running", "broken")
			g.start("broken", config{"command": "cat"})
			g.is("broken\nsound", "list-running", "")
		})
	}
}

func (g *gc) overwrite(content, dir, name string) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		g.t.Fatal(err)
	}
}
