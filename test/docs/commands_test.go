package docs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTheCommandsShownRun runs the blocks marked sh of each page, in order, as one script, in a copy of the tree with a home of its own. A line that
// ends in "# → text" must print just that.
func TestTheCommandsShownRun(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"tmux", "make", "git"} {
		need(t, program)
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		name, err := filepath.Rel(root, page)
		if err != nil {
			t.Fatal(err)
		}
		script := shellOf(read(t, name))
		if script == "" || name == kubernetesPage {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runIn(t, copyTree(t), script, func(string) []string { return nil })
		})
	}
}

// need skips the test where a program is missing, unless nothing may be skipped.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("AGENTD_REQUIRE_ALL") != "" {
		t.Fatalf("%s is not installed", program)
	}
	t.Skipf("%s is not installed", program)
}

var (
	shBlock  = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	expected = regexp.MustCompile(`^(.*\S)\s+# → (.*)$`)
)

// shellOf makes a script of a page's commands.
func shellOf(page string) string {
	var b strings.Builder
	for _, block := range shBlock.FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimSuffix(line, "\n")
			if line == "make test" { // is what runs this
				continue
			}
			if m := expected.FindStringSubmatch(line); m != nil {
				line = fmt.Sprintf("out=$(%s)\ntest \"$out\" = '%s' || { echo \"printed: $out\" >&2; exit 1; }", m[1], m[2])
			}
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// copyTree copies the files that git knows, or would, to a folder of their own.
func copyTree(t *testing.T) string {
	t.Helper()
	list, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatalf("list the tree: %v", err)
	}
	dir := t.TempDir()
	for _, name := range strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		info, err := os.Stat(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // removed, but git was not told yet
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// scriptTime bounds a page's commands, builds among them.
const scriptTime = 10 * time.Minute

// ending ends what a script left running on this machine.
const ending = `command -v gcctl >/dev/null || exit 0; gcctl ls -o name | while read -r name; do gcctl stop "$name"; done; gcctl hub stop`

// runIn runs a script in a tree and a home of its own, in which prepare has done something, and ends what it left running.
func runIn(t *testing.T, tree, script string, prepare func(home string) (env []string)) {
	t.Helper()
	home, err := os.MkdirTemp("/tmp", "docs") // not t.TempDir: the paths of sockets must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	env := append(goEnv(t), "HOME="+home, "TMPDIR="+home, "XDG_STATE_HOME="+home+"/state", "XDG_RUNTIME_DIR="+home+"/run", "LC_ALL=C.UTF-8",
		"TERM=xterm-256color", "PATH="+tree+"/bin:"+os.Getenv("PATH"))
	env = append(env, prepare(home)...)
	t.Cleanup(func() {
		out, err := shell(context.Background(), tree, env, ending)
		if err != nil {
			t.Errorf("end what the page left: %v\n%s", err, out)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), scriptTime)
	defer cancel()
	if out, err := shell(ctx, tree, env, "set -eux\n"+script); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// goEnv keeps the go command's folders where they are: a new HOME would move them.
func goEnv(t *testing.T) []string {
	t.Helper()
	var env []string
	for _, name := range []string{"GOPATH", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN", "GOSUMDB"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatalf("go env: %v", err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(out)))
	}
	return env
}

func shell(ctx context.Context, dir string, env []string, script string) (string, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Dir, cmd.Env = dir, env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 5 * time.Second // a program left in the background may hold the pipe
	err := cmd.Run()
	return out.String(), err
}
