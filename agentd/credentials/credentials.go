// Package credentials brings what mounted secrets hold to where the agent looks for it, and brings it again when the secret has changed. What the agent makes of
// its copies meanwhile is its own: tokens that it renewed are not written over by older ones.
package credentials

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// lookEvery is how often the secrets are looked at. The kubelet takes up to a minute to bring a change; a look costs some small reads.
	lookEvery = 5 * time.Second
	// maxSize bounds a file, in bytes: a Secret holds no more.
	maxSize = 1 << 20
	// recordName is the file that notes what was installed.
	recordName = "credentials.json"
	// TokenVariable is where programs look for a GitHub token.
	TokenVariable = "GITHUB_TOKEN"
	tokenKey      = "token"
)

// claudeFiles are the keys of the secret for Claude, and the names of the files.
var claudeFiles = []string{".credentials.json", claudeState, "settings.json"}

// claudeState is the one of them that lies beside the configuration folder, in the home, unless CLAUDE_CONFIG_DIR says where that is.
const claudeState = ".claude.json"

// Source is where credentials come from. A folder or file that isn't there holds none.
type Source struct {
	// Claude is the folder of .credentials.json, .claude.json and settings.json; "" means none.
	Claude string
	// Git is the folder of the GitHub token, a file of the name token; "" means none.
	Git string
	// StateDir holds the record of what was installed, so that another process knows; "" means nowhere.
	StateDir string
	// Log hears of what went wrong in Follow; never of what a secret holds.
	Log *slog.Logger
}

// Token gives the GitHub token, "" if there is none.
func (s *Source) Token() (string, error) {
	if s == nil || s.Git == "" {
		return "", nil
	}
	text, err := read(filepath.Join(s.Git, tokenKey))
	if err != nil {
		return "", fmt.Errorf("read the GitHub token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if strings.ContainsAny(token, "\n\x00") {
		return "", errors.New("read the GitHub token: it is more than one line")
	}
	return token, nil
}

// Install copies the files that were not installed yet, or have changed since. env gives the agent's environment.
func (s *Source) Install(env func(name string) string) error {
	if s == nil || s.Claude == "" {
		return nil
	}
	installed := s.record()
	var failed []error
	changed := false
	for _, name := range claudeFiles {
		text, err := read(filepath.Join(s.Claude, name))
		if text == nil || err != nil {
			failed = append(failed, err)
			continue
		}
		sum := sha256.Sum256(text)
		print := hex.EncodeToString(sum[:])
		targets, err := places(name, env)
		failed = append(failed, err)
		for _, target := range targets {
			if installed[target] == print {
				continue
			}
			if err := write(target, text); err != nil {
				failed = append(failed, err)
				continue
			}
			installed[target], changed = print, true
		}
	}
	if changed {
		failed = append(failed, s.note(installed))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("install the agent's credentials: %w", err)
	}
	return nil
}

// places are where a file of Claude's belongs. Without CLAUDE_CONFIG_DIR .claude.json goes both to where Claude Code reads it, the home, and where the
// other files are: images may have a link from the one to the other.
func places(name string, env func(string) string) ([]string, error) {
	if dir := env("CLAUDE_CONFIG_DIR"); filepath.IsAbs(dir) {
		return []string{filepath.Join(dir, name)}, nil
	}
	home := env("HOME")
	if !filepath.IsAbs(home) {
		return nil, fmt.Errorf("the agent's HOME is %q", home)
	}
	list := []string{filepath.Join(home, ".claude", name)}
	if name == claudeState {
		list = append(list, filepath.Join(home, name))
	}
	return list, nil
}

// Follow installs files and gives the token to set, now and whenever they change, until ctx ends. set may be nil.
func (s *Source) Follow(ctx context.Context, env func(name string) string, set func(ctx context.Context, token string) error) {
	if s == nil || s.Claude == "" && s.Git == "" {
		return
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last, said := "", ""
	for {
		err := s.Install(env)
		if set != nil {
			token, tokenErr := s.Token()
			if token != "" && token != last {
				if tokenErr = set(ctx, token); tokenErr == nil {
					last = token
				}
			}
			err = errors.Join(err, tokenErr)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			said = ""
		case err.Error() != said:
			said = err.Error()
			s.Log.Error("credentials are not up to date", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// read gives a file's content, nil when there is no such file.
func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(text) > maxSize {
		err = fmt.Errorf("%q is larger than %d bytes", name, maxSize)
	}
	if err != nil {
		return nil, err
	}
	if text == nil {
		text = []byte{}
	}
	return text, nil
}

// write makes a private file, or replaces it as a whole.
func write(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".agentd-*") // made with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// record gives the fingerprints of what was installed, by place. One that can't be read is none: then everything is installed anew.
func (s *Source) record() map[string]string {
	installed := map[string]string{}
	if s.StateDir != "" {
		if text, err := read(filepath.Join(s.StateDir, recordName)); err == nil && json.Unmarshal(text, &installed) != nil {
			return map[string]string{}
		}
	}
	return installed
}

func (s *Source) note(installed map[string]string) error {
	if s.StateDir == "" {
		return nil
	}
	text, err := json.Marshal(installed)
	if err != nil {
		return err
	}
	return write(filepath.Join(s.StateDir, recordName), text)
}
