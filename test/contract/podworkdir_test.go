package contract_test

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// repository makes a git repository with one commit in a folder of the world.
func (g *gc) repository(elements ...string) {
	g.t.Helper()
	g.write("content", append(elements, "file")...)
	g.write(".gc\n", append(elements, ".gitignore")...)
	dir := g.path(elements...)
	g.git(dir, "init", "-q", "-b", "main")
	g.git(dir, "add", "file", ".gitignore")
	g.git(dir, "commit", "-qm", "first")
}

func (g *gc) git(dir string, args ...string) {
	g.t.Helper()
	cmd := exec.Command(need(g.t, "git"), append([]string{"-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir, cmd.Env = dir, g.env
	if out, err := cmd.CombinedOutput(); err != nil {
		g.t.Fatalf("git %q: %v: %s", args, err, out)
	}
}

// committer is the environment of an agent of the city that commits.
func (g *gc) committer() map[string]string {
	return map[string]string{
		"GC_CITY": g.path("city"), "GIT_PAGER": "cat",
		"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.invalid", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.invalid",
	}
}

// shown gives what a session's command shows before the line that says so.
func (g *gc) shown(name string) string {
	g.t.Helper()
	g.untilScreen(name, "\nshown")
	before, _, _ := strings.Cut(g.ok("peek", name, "0"), "\nshown")
	return before + "\n"
}

func TestAWorkTreeWorksInThePod(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		repository, tree []string
		gcDir            string // what the pod has of gc's own folder
	}{
		"beside its repository": {[]string{"repo"}, []string{"trees", "side"}, ""},
		"where gc keeps them":   {[]string{"rigs", "r"}, []string{".gc", "worktrees", "r", "a"}, "worktrees\n"},
		"of the city itself":    {nil, []string{".gc", "worktrees", "city", "a"}, "worktrees\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newPods(t)
			repository, tree := append([]string{"city"}, test.repository...), g.path(append([]string{"city"}, test.tree...)...)
			g.repository(repository...)
			g.git(g.path(repository...), "worktree", "add", "-q", "-b", "side", tree)
			g.write("secret of gc", "city", ".gc", "log")
			g.write("secret of gc", append(append([]string{"city"}, test.tree...), ".gc", "log")...)
			socket, err := net.Listen("unix", g.path("city", ".gc", "sock"))
			if err != nil {
				t.Fatal(err)
			}
			defer socket.Close()
			r := g.start("s", config{
				"work_dir": tree, "env": g.committer(),
				// What scripts ask before they make a work tree.
				"pre_start": []string{"test -f " + tree + "/.git && git -C " + g.path(repository...) + " worktree list --porcelain | grep -qxF 'worktree " + tree + "'"},
				"command": "git log --format=%s; git worktree list --porcelain | grep -e ^worktree -e ^prunable; git status --short --branch; " +
					"echo more >more; git add more; git commit -qm second; git log --format=%s; git status --short; ls -1A /workspace/.gc 2>/dev/null; LC_ALL=C ls -1A; echo shown; exec cat",
			})
			want := "first\nworktree " + strings.Join(append([]string{"/workspace"}, test.repository...), "/") +
				"\nworktree " + strings.Join(append([]string{"/workspace"}, test.tree...), "/") +
				"\n## side\nsecond\nfirst\n" + test.gcDir + ".git\n.gitignore\nfile\nmore\n"
			if got := g.shown("s"); got != want {
				t.Errorf("the screen is %q, want %q", got, want)
			}
			if strings.Contains(r.stderr, "pre_start") || strings.Contains(r.stderr, "sock") {
				t.Errorf("start warns: %q", r.stderr)
			}
		})
	}
}

func TestTheCityMayBeARepository(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	g.repository("city")
	g.start("s", config{"work_dir": g.path("city"), "env": g.committer(), "command": "pwd; git status --short --branch; git commit -q --allow-empty -m second; git log --format=%s; echo shown; exec cat"})
	if got, want := g.shown("s"), "/workspace\n## main\nsecond\nfirst\n"; got != want {
		t.Errorf("the screen is %q, want %q", got, want)
	}
}

// gc makes an agent's folder and puts its own files there, before a script of the pack makes a work tree of it.
func TestPreStartMayMakeTheWorkDirAWorkTreeInThePod(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(g *gc, tree string){
		"the folder isn't there":   func(*gc, string) {},
		"gc put something into it": func(g *gc, _ string) { g.write("{}", "city", ".gc", "worktrees", "r", "a", ".hooks", "settings.json") },
		"it was a work tree and is gone": func(g *gc, tree string) {
			g.git(g.path("city", "rigs", "r"), "worktree", "add", "-q", "--detach", tree)
			os.RemoveAll(tree)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newPods(t)
			g.repository("city", "rigs", "r")
			rig, tree := g.path("city", "rigs", "r"), g.path("city", ".gc", "worktrees", "r", "a")
			prepare(g, tree)
			setup := g.write(`set -eu
test ! -e "$2/.git" || exit 0
kept=$(mktemp -d)
find "$2" -mindepth 1 -maxdepth 1 -exec mv {} "$kept" \;
rmdir "$2"
git -C "$1" worktree prune
git -C "$1" worktree add -q -b side "$2"
cp -R "$kept/." "$2"
`, "city", "packs", "setup.sh")
			r := g.start("s", config{
				"work_dir": tree, "env": g.committer(), "pre_start": []string{"sh " + setup + " " + rig + " " + tree, "test -f file"},
				"command": "pwd; git status --short --branch -uno; git commit -q --allow-empty -m second; git log --format=%s; ls .hooks 2>/dev/null; echo shown; exec cat",
			})
			want := "/workspace/.gc/worktrees/r/a\n## side\nsecond\nfirst\n"
			if strings.HasPrefix(name, "gc put") {
				want += "settings.json\n"
			}
			if got := g.shown("s"); got != want || strings.Contains(r.stderr, "pre_start") {
				t.Errorf("the screen is %q, want %q; start says %q", got, want, r.stderr)
			}
		})
	}
}

func TestAWorkDirThatIsNotThereIsMadeInThePod(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		workDir string
		env     []string
	}{
		"in the city":                             {"rigs/new", nil},
		"in gc's own folder":                      {".gc/agents/mayor", nil},
		"missing in an image with the workspace":  {"rigs/new", []string{"GC_K8S_PREBAKED=true"}},
		"in gc's, in an image with the workspace": {".gc/agents/mayor", []string{"GC_K8S_PREBAKED=true"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newPods(t)
			g.env = append(g.env, test.env...)
			g.write("", "city", "rigs", "old", "file")
			g.start("s", config{
				"work_dir": g.path("city", test.workDir), "env": map[string]string{"GC_CITY": g.path("city")}, "pre_start": []string{"pwd >where"},
				"command": "cat where; pwd; ls -1A; echo shown; exec cat",
			})
			if got, want := g.shown("s"), strings.Repeat("/workspace/"+test.workDir+"\n", 2)+"where\n"; got != want {
				t.Errorf("the screen is %q, want %q", got, want)
			}
		})
	}
}
