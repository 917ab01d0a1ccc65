package paths

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// short gives a folder whose path leaves room for sockets, which t.TempDir's does not.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	dir, err = filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestOpen(t *testing.T) {
	t.Parallel()
	base := short(t)
	long := filepath.Join(base, strings.Repeat("x", 60))
	tmp := filepath.Join(base, "tmp")
	uid := os.Getuid()
	prefix := filepath.Join(tmp, "agentd-")

	tests := []struct {
		name           string
		env            func(string) string
		state, runtime string // runtime: a prefix
	}{
		{"both variables set", env("XDG_STATE_HOME", base+"/a", "XDG_RUNTIME_DIR", base+"/r"), base + "/a/agentd", base + "/r/agentd-"},
		{"a trailing slash means nothing", env("XDG_STATE_HOME", base+"/a/", "XDG_RUNTIME_DIR", base+"/r//"), base + "/a/agentd", base + "/r/agentd-"},
		{"only HOME set", env("HOME", base+"/h"), base + "/h/.local/state/agentd", prefix},
		{"a runtime folder too long for sockets", env("XDG_STATE_HOME", base+"/a", "XDG_RUNTIME_DIR", long), base + "/a/agentd", prefix},
		{"a state folder may be long", env("XDG_STATE_HOME", long, "XDG_RUNTIME_DIR", base+"/r"), long + "/agentd", base + "/r/agentd-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := open(tt.env, uid, tmp)
			if err != nil {
				t.Fatal(err)
			}
			if d.State != tt.state {
				t.Errorf("state is %q, want %q", d.State, tt.state)
			}
			if !strings.HasPrefix(d.Runtime, tt.runtime) {
				t.Errorf("runtime is %q, want %q…", d.Runtime, tt.runtime)
			}
			for _, dir := range []string{d.State, d.Runtime} {
				info, err := os.Stat(dir)
				if err != nil {
					t.Fatal(err)
				}
				if info.Mode().Perm() != 0o700 {
					t.Errorf("%s has mode %o, want 0700", dir, info.Mode().Perm())
				}
			}
			if n := len(d.Runtime) + longestSocket(uid); n > maxSocketPath {
				t.Errorf("the longest socket path in %s has %d bytes", d.Runtime, n)
			}
		})
	}
}

func TestDifferentVariablesNeverMeet(t *testing.T) {
	t.Parallel()
	base := short(t)
	long := filepath.Join(base, strings.Repeat("x", 80))
	sets := []func(string) string{
		env("HOME", base+"/h"),
		env("HOME", base+"/i"),
		env("XDG_STATE_HOME", base+"/a", "XDG_RUNTIME_DIR", base+"/r"),
		env("XDG_STATE_HOME", base+"/b", "XDG_RUNTIME_DIR", base+"/r"),
		env("XDG_STATE_HOME", base+"/a", "XDG_RUNTIME_DIR", base+"/s"),
		env("XDG_STATE_HOME", base+"/a"),
		env("XDG_STATE_HOME", base+"/a", "XDG_RUNTIME_DIR", long+"/1"),
		env("XDG_STATE_HOME", base+"/a", "XDG_RUNTIME_DIR", long+"/2"),
	}
	seen := map[string]int{}
	for i, set := range sets {
		d, err := open(set, os.Getuid(), base+"/tmp")
		if err != nil {
			t.Fatal(err)
		}
		if j, ok := seen[d.Runtime]; ok {
			t.Errorf("sets %d and %d both have runtime folder %s", i, j, d.Runtime)
		}
		seen[d.Runtime] = i
	}
}

func TestOneStateFolderByTwoNamesIsOneSet(t *testing.T) {
	t.Parallel()
	base := short(t)
	if err := os.Mkdir(base+"/real", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", base+"/link"); err != nil {
		t.Fatal(err)
	}
	direct, err := open(env("XDG_STATE_HOME", base+"/real", "XDG_RUNTIME_DIR", base+"/real"), os.Getuid(), base)
	if err != nil {
		t.Fatal(err)
	}
	linked, err := open(env("XDG_STATE_HOME", base+"/link", "XDG_RUNTIME_DIR", base+"/link"), os.Getuid(), base)
	if err != nil {
		t.Fatal(err)
	}
	if direct != linked {
		t.Errorf("%+v and %+v differ", direct, linked)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	base := short(t)
	for _, dir := range []string{"loose/agentd", "linked"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(base+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(base+"/loose/agentd", base+"/linked/agentd"); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		env  func(string) string
		want string
	}{
		{"no variable at all", env(), "set HOME or XDG_STATE_HOME"},
		{"a relative state folder", env("XDG_STATE_HOME", "state"), `XDG_STATE_HOME is "state": it must be an absolute path`},
		{"a relative runtime folder", env("HOME", base, "XDG_RUNTIME_DIR", "run"), `XDG_RUNTIME_DIR is "run": it must be an absolute path`},
		{"a folder open to others", env("XDG_STATE_HOME", base+"/loose"), "open to other users (mode 0755): run chmod 700 on it"},
		{"a link in the folder's place", env("XDG_STATE_HOME", base+"/linked"), "is not a folder: remove it"},
		{"a file in the way", env("XDG_STATE_HOME", base+"/file"), "not a directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := open(tt.env, os.Getuid(), base)
			if err == nil {
				t.Fatalf("got %+v, want an error", d)
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q", err, tt.want)
			}
		})
	}
}

func TestCheckRefusesAFolderOfSomeoneElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		t.Fatal(err)
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	if err := check(dir, info, owner); err != nil {
		t.Errorf("own folder refused: %v", err)
	}
	if err := check(dir, info, owner+1); err == nil || !strings.Contains(err.Error(), "belongs to uid") {
		t.Errorf("got %v for a folder of another user", err)
	}
}

func TestLayout(t *testing.T) {
	t.Parallel()
	d := Dirs{State: "/s", Runtime: "/r"}
	id := SessionID("my/agent")
	if id != SessionID("my/agent") || id == SessionID("my-agent") || len(id) != idLength {
		t.Errorf("id %q is not a stable, short, distinct name", id)
	}
	hub := d.Hub("local")
	for _, tt := range [][2]string{
		{d.Keys(), "/s/keys"},
		{d.Events(), "/s/events.jsonl"},
		{d.SessionState(id), "/s/local/" + id},
		{d.SessionRun(id), "/r/s/" + id},
		{hub.Socket, "/r/hub-local/sock"},
		{hub.Lock, "/r/hub-local/start.lock"},
		{hub.Log, "/s/hub-local.log"},
	} {
		if tt[0] != tt[1] {
			t.Errorf("got %s, want %s", tt[0], tt[1])
		}
	}
}
