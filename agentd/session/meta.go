package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/gascity/agentd/agentd/tmux"
)

// The metadata is the tmux session's environment, which programs in the session change, too (tmux set-environment). A mirror of it outlives the
// session.

// MetaGet gives a value; false when there is none of that key. After the agent's end it is the mirror's.
func (s *Session) MetaGet(ctx context.Context, key string) (string, bool, error) {
	a, err := s.live()
	if err != nil {
		value, ok, known := s.mirror(key)
		if known {
			return value, ok, nil
		}
		return "", false, err
	}
	replies, err := a.askRaw(ctx, []string{"show-environment", "-t", a.target, "--", key})
	if refused := (*tmux.CommandError)(nil); errors.As(err, &refused) && strings.HasPrefix(refused.Text, "unknown variable") {
		return "", false, nil
	}
	if err != nil {
		return "", false, a.translate(err)
	}
	value, ok := strings.CutPrefix(strings.TrimSuffix(string(replies[0]), "\n"), key+"=")
	return value, ok, nil // "-KEY" is a variable that was marked for removal
}

// mirror gives a value of the mirror, and whether there is one.
func (s *Session) mirror(key string) (value string, ok, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok = s.mirrored[key]
	return value, ok, s.mirrored != nil
}

// MetaSet sets a value.
func (s *Session) MetaSet(ctx context.Context, key, value string) error {
	return s.changeMeta(ctx, func(target string) []string { return []string{"set-environment", "-t", target, "--", key, value} },
		func(meta map[string]string) { meta[key] = value })
}

// MetaRemove removes a key; one that isn't there is removed already.
func (s *Session) MetaRemove(ctx context.Context, key string) error {
	return s.changeMeta(ctx, func(target string) []string { return []string{"set-environment", "-u", "-t", target, "--", key} },
		func(meta map[string]string) { delete(meta, key) })
}

func (s *Session) changeMeta(ctx context.Context, command func(target string) []string, change func(meta map[string]string)) error {
	a, err := s.live()
	if err != nil {
		return err
	}
	if _, err := a.ask(ctx, command(a.target)); err != nil {
		return err
	}
	if a.mirror(ctx) {
		return nil
	}
	// The agent's end came between: its last mirror may be from before the change, and tmux is gone.
	return a.mirrorOnly(change)
}

// remember takes the metadata as it is now. The caller holds mu.
func (s *Session) remember(meta map[string]string) { s.mirrored, s.metas = meta, s.metas+1 }

// Mirrored gives the metadata as last read, nil before that, and the count of its changes. It is not to be changed.
func (s *Session) Mirrored() (meta map[string]string, changes uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mirrored, s.metas
}

// FollowMeta has the metadata read every few seconds, until the returned function is called: programs in the session change it without a word. Changed
// tells of its changes, too.
func (s *Session) FollowMeta() (end func()) {
	s.followers.Add(1)
	select {
	case s.followed <- struct{}{}:
	default: // it will be looked at
	}
	return func() { s.followers.Add(-1) }
}

// mirrorOnly makes a change to the mirror alone.
func (a *agent) mirrorOnly(change func(meta map[string]string)) error {
	s := a.session
	a.mirroring.Lock()
	defer a.mirroring.Unlock()
	s.mu.Lock()
	meta := maps.Clone(s.mirrored)
	if meta == nil {
		meta = map[string]string{}
	}
	change(meta)
	s.remember(meta)
	s.mu.Unlock()
	s.board.turn()
	s.amendWords()
	if err := s.writeState("meta.json", meta); err != nil {
		return fmt.Errorf("mirror the metadata: %w", err)
	}
	return nil
}

// MetaList gives the metadata, without what the launch's env brought unless that is known to be public or was changed since.
func (s *Session) MetaList(ctx context.Context) (map[string]string, error) {
	a, err := s.live()
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.mirrored == nil {
			return nil, err
		}
		return maps.Clone(s.mirrored), nil
	}
	return a.meta(ctx)
}

// meta reads the metadata from tmux.
func (a *agent) meta(ctx context.Context) (map[string]string, error) {
	replies, err := a.ask(ctx, []string{"show-environment", "-s", "-t", a.target})
	if err != nil {
		return nil, err
	}
	env, err := parseEnvironment(string(replies[0]))
	if err != nil {
		return nil, err
	}
	for name, value := range env {
		if a.marks.launchEnv[name] == fingerprint(name, value) && !public(name) {
			delete(env, name)
		}
	}
	return env, nil
}

// public says whether a variable of the launch's env may be shown to whoever sees the session from afar: gc's own are, but not the passwords among them
// (GC_DOLT_PASSWORD). gc's token of an instance is a name, and gc reads it back.
func public(name string) bool {
	if !strings.HasPrefix(name, "GC_") {
		return false
	}
	for _, word := range []string{"PASSWORD", "SECRET", "CREDENTIAL", "API_KEY", "TOKEN"} {
		if strings.Contains(name, word) {
			return name == "GC_INSTANCE_TOKEN"
		}
	}
	return true
}

// parseEnvironment reads what show-environment -s printed: NAME="VALUE"; export NAME; with backslashes before what is special to a shell in double quotes, or
// unset NAME; for a variable that is to be removed. It is the one form in which a line break in a value can be told from the next variable.
func parseEnvironment(text string) (map[string]string, error) {
	env := map[string]string{}
	for text != "" {
		line, _, _ := strings.Cut(text, "\n")
		name, _, isSet := strings.Cut(line, `="`)
		if !isSet {
			if !strings.HasPrefix(line, "unset ") {
				return nil, fmt.Errorf("tmux printed an environment with %q", line)
			}
			text = text[min(len(line)+1, len(text)):]
			continue
		}
		value, length, ok := unescape(text[len(name)+2:])
		rest, exported := strings.CutPrefix(text[len(name)+2+length:], "; export "+name+";\n")
		if !ok || !exported {
			return nil, fmt.Errorf("tmux printed an environment with an unfinished %q", name)
		}
		env[name], text = value, rest
	}
	return env, nil
}

// unescape reads up to the quote that ends a value, and tells how many bytes that took.
func unescape(text string) (value string, length int, ok bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), i + 1, true
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, false
}

// mirror writes the metadata to the state folder, if they have changed, and the time of the last activity to tmux. It tells whether it could read them.
func (a *agent) mirror(ctx context.Context) bool {
	s := a.session
	a.mirroring.Lock()
	defer a.mirroring.Unlock()
	if last := a.tracker.Last(); last.After(a.noted) {
		a.noted = last
		_, _ = a.ask(ctx, []string{"set-option", "-t", a.target + ":", markActivity, nanos(last)})
	}
	meta, err := a.meta(ctx)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, errNoSession) {
			s.log.Error("the metadata was not mirrored", "error", err)
		}
		return false
	}
	s.mu.Lock()
	same := s.mirrored != nil && maps.Equal(s.mirrored, meta)
	if !same {
		s.remember(meta)
	}
	s.mu.Unlock()
	if same {
		return true
	}
	s.board.turn()
	s.amendWords()
	if err := s.writeState("meta.json", meta); err != nil {
		s.log.Error("the metadata was not mirrored", "error", err)
	}
	return true
}
