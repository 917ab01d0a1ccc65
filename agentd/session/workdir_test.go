package session

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
)

func TestAMissingWorkDirIsMadeForALaunchThatSaysSo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		preStart string
		want     string // what the agent finds in it
	}{
		"nothing makes it":                   {"", ""},
		"pre_start runs in it":               {"touch here", "here\n"},
		"pre_start makes it anew":            {`rmdir "$WORK" && mkdir "$WORK" && touch "$WORK/anew"`, "anew\n"},
		"pre_start takes it away and fails":  {`rmdir "$WORK"; exit 1`, ""},
		"pre_start takes what is in its way": {`rm "${WORK%/*}"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			dir := filepath.Join(t.TempDir(), "a", "b")
			if strings.HasPrefix(test.preStart, "rm ") {
				if err := os.WriteFile(filepath.Dir(dir), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s, _, _ := p.run()
			l := wire.Launch{Command: `[ . -ef "$WORK" ] && ls -1 && echo all; cat`, WorkDir: dir, MakeWorkDir: true, Env: map[string]string{"WORK": dir}, PreStart: []string{test.preStart}}
			if _, err := s.Launch(t.Context(), "", l, nil); err != nil {
				t.Fatal(err)
			}
			shows(t, s, "all")
			if got, want := strings.TrimRight(peek(t, s, 0), "\n"), test.want+"all"; got != want {
				t.Errorf("the agent shows %q, want %q", got, want)
			}
		})
	}
}

func TestAMissingWorkDirIsRefusedOtherwise(t *testing.T) {
	t.Parallel()
	inTheWay := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		dir  string
		made bool
		want string
	}{
		"it may be a typo":            {filepath.Join(t.TempDir(), "typo"), false, "does not exist"},
		"a file is in its way":        {inTheWay, true, "can't be made"},
		"a file is in its way, above": {filepath.Join(inTheWay, "sub"), true, "can't be made"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			s, _, exit := p.run()
			_, err := s.Launch(t.Context(), "", wire.Launch{Command: "cat", WorkDir: test.dir, MakeWorkDir: test.made}, nil)
			if wire.CodeOf(err) != wire.CodeFailed || !strings.Contains(err.Error(), test.dir) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("launch: %v", err)
			}
			if got, err := exit(); err != nil || got.Status != 1 {
				t.Errorf("exit %+v, %v", got, err)
			}
			if info, err := os.Stat(test.dir); err == nil && info.IsDir() {
				t.Error("the folder was made")
			}
		})
	}
}
