package credentials

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret is a mounted secret, as the kubelet lays it out: names are links through ..data, which is replaced as a whole.
type secret struct {
	t       *testing.T
	dir     string
	version int
}

func (s *secret) set(files map[string]string) {
	s.t.Helper()
	s.version++
	data := fmt.Sprintf("..%d", s.version)
	must(s.t, os.MkdirAll(filepath.Join(s.dir, data), 0o755))
	for name, text := range files {
		must(s.t, os.WriteFile(filepath.Join(s.dir, data, name), []byte(text), 0o440))
		_ = os.Symlink(filepath.Join("..data", name), filepath.Join(s.dir, name)) // it is there from the second version on
	}
	must(s.t, os.Symlink(data, filepath.Join(s.dir, "..next")))
	must(s.t, os.Rename(filepath.Join(s.dir, "..next"), filepath.Join(s.dir, "..data")))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a secret, a source that reads it, and an agent's environment.
func world(t *testing.T) (*secret, *Source, map[string]string) {
	t.Helper()
	s := &secret{t: t, dir: t.TempDir()}
	return s, &Source{Claude: s.dir, Git: s.dir, StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}, map[string]string{"HOME": t.TempDir()}
}

func env(variables map[string]string) func(string) string {
	return func(name string) string { return variables[name] }
}

func text(t *testing.T, elements ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elements...))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

func TestFilesGoWhereClaudeReadsThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  map[string]string // below the home
		want []string
	}{
		"by default":        {nil, []string{".claude/.credentials.json", ".claude/.claude.json", ".claude/settings.json", ".claude.json"}},
		"CLAUDE_CONFIG_DIR": {map[string]string{"CLAUDE_CONFIG_DIR": "conf"}, []string{"conf/.credentials.json", "conf/.claude.json", "conf/settings.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mounted, s, variables := world(t)
			for name, below := range c.env {
				variables[name] = filepath.Join(variables["HOME"], below)
			}
			mounted.set(map[string]string{".credentials.json": "A", ".claude.json": "B", "settings.json": "C", "token": "D", "other": "E"})
			must(t, s.Install(env(variables)))
			made := 0
			must(t, filepath.WalkDir(variables["HOME"], func(_ string, e os.DirEntry, err error) error {
				if err == nil && !e.IsDir() {
					made++
				}
				return err
			}))
			if made != len(c.want) {
				t.Errorf("%d files were made, want %q", made, c.want)
			}
			for _, name := range c.want {
				info, err := os.Lstat(filepath.Join(variables["HOME"], name))
				must(t, err)
				if want := mounted.text(filepath.Base(name)); info.Mode() != 0o600 || text(t, variables["HOME"], name) != want {
					t.Errorf("%s: %v, %q", name, info.Mode(), text(t, variables["HOME"], name))
				}
			}
		})
	}
}

func (s *secret) text(name string) string { return text(s.t, s.dir, name) }

func TestOnlyAChangedSecretReplacesWhatTheAgentMadeOfIt(t *testing.T) {
	t.Parallel()
	mounted, s, variables := world(t)
	file := filepath.Join(variables["HOME"], ".claude", ".credentials.json")
	mounted.set(map[string]string{".credentials.json": "first"})
	must(t, s.Install(env(variables)))
	must(t, os.WriteFile(file, []byte("renewed by the agent"), 0o600))
	mounted.set(map[string]string{".credentials.json": "first"}) // written anew, and the same
	another := *s                                                // the process that comes after
	for _, s := range []*Source{s, &another} {
		must(t, s.Install(env(variables)))
		if got := text(t, file); got != "renewed by the agent" {
			t.Errorf("the agent's file became %q", got)
		}
	}
	mounted.set(map[string]string{".credentials.json": "second"})
	must(t, another.Install(env(variables)))
	if got := text(t, file); got != "second" {
		t.Errorf("after the secret's change the file holds %q", got)
	}
}

func TestAMissingSecretIsNone(t *testing.T) {
	t.Parallel()
	_, s, variables := world(t)
	for name, s := range map[string]*Source{"an empty folder": s, "no folder": {Claude: "/no/such", Git: "/no/such"}, "none": {}, "nothing": nil} {
		err := s.Install(env(variables))
		token, tokenErr := s.Token()
		if err != nil || tokenErr != nil || token != "" {
			t.Errorf("%s: %v; %q, %v", name, err, token, tokenErr)
		}
	}
	if left, err := os.ReadDir(variables["HOME"]); err != nil || len(left) != 0 {
		t.Errorf("the home holds %v, %v", left, err)
	}
}

func TestFaultsNameTheFileAndNeverTheSecret(t *testing.T) {
	t.Parallel()
	mounted, s, variables := world(t)
	mounted.set(map[string]string{".credentials.json": "hush", "settings.json": strings.Repeat("hush", maxSize/4) + "!", "token": "hush\nhush"})
	must(t, os.WriteFile(filepath.Join(variables["HOME"], ".claude"), nil, 0o600)) // in the way
	_, tokenErr := s.Token()
	for _, c := range []struct {
		err  error
		want []string
	}{
		{s.Install(env(variables)), []string{".claude", "settings.json", "larger than"}},
		{tokenErr, []string{"token", "line"}},
		{s.Install(env(nil)), []string{"HOME"}},
	} {
		for _, want := range c.want {
			if c.err == nil || !strings.Contains(c.err.Error(), want) || strings.Contains(c.err.Error(), "hush") {
				t.Errorf("got %v, want %q in it", c.err, want)
			}
		}
	}
}

func TestFollowBringsWhatChanges(t *testing.T) {
	t.Parallel()
	mounted, s, variables := world(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var tokens []string
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.Follow(ctx, env(variables), func(_ context.Context, token string) error {
				tokens = append(tokens, token)
				if len(tokens) == 1 {
					return errors.New("not yet")
				}
				return nil
			})
		}()
		for i, c := range []struct {
			files       map[string]string
			file, token string
		}{
			{nil, "", "[]"},
			{map[string]string{".credentials.json": "1", "token": "a\n"}, "1", "[a]"},
			{map[string]string{".credentials.json": "2", "token": "a"}, "2", "[a a]"}, // the first could not be set
			{map[string]string{".credentials.json": "2", "token": "b"}, "2", "[a a b]"},
			{map[string]string{".credentials.json": "2", "token": ""}, "2", "[a a b]"},
		} {
			if c.files != nil {
				mounted.set(c.files)
				time.Sleep(lookEvery)
			}
			synctest.Wait()
			if got := fmt.Sprint(tokens); text(t, variables["HOME"], ".claude", ".credentials.json") != c.file || got != c.token {
				t.Errorf("%d: tokens %s, want %s", i, got, c.token)
			}
		}
		cancel()
		<-ended
	})
}
