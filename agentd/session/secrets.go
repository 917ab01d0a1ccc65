package session

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gascity/agentd/agentd/credentials"
)

// giveCredentials brings the credentials to an agent that is about to start. What the launch brings itself is left as it is.
func (s *Session) giveCredentials(p *plan) error {
	err := s.cfg.Credentials.Install(p.variable)
	if _, given := p.env[credentials.TokenVariable]; given {
		return err
	}
	token, tokenErr := s.cfg.Credentials.Token()
	if token != "" {
		const name = credentials.TokenVariable + "="
		p.process = slices.DeleteFunc(p.process, func(kv string) bool { return strings.HasPrefix(kv, name) })
		p.process = append(p.process, name+token)
	}
	return errors.Join(err, tokenErr)
}

// followCredentials brings the credentials anew when they change. The token goes to tmux's global environment, which new panes get, and not to the session's: that
// is the metadata.
func (a *agent) followCredentials(ctx context.Context) {
	set := func(ctx context.Context, token string) error {
		_, err := a.ask(ctx, []string{"set-environment", "-g", "--", credentials.TokenVariable, token})
		return err
	}
	if _, given := a.marks.launchEnv[credentials.TokenVariable]; given {
		set = nil
	}
	known := map[string]string{}
	a.session.cfg.Credentials.Follow(ctx, func(name string) string {
		if known[name] == "" { // that may have been a fault of the moment
			known[name] = a.global(ctx, name)
		}
		return known[name]
	}, set)
}

// global gives a variable of tmux's global environment: what the agent's processes were started with. It is "" if there is none.
func (a *agent) global(ctx context.Context, name string) string {
	replies, err := a.askRaw(ctx, []string{"show-environment", "-g", "--", name})
	if err != nil {
		return "" // tmux knows no such variable, or the session is ending
	}
	value, _ := strings.CutPrefix(strings.TrimSuffix(string(replies[0]), "\n"), name+"=")
	return value
}
