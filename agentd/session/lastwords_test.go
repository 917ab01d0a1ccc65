package session

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/lastwords"
)

// left gives the metadata in the termination message, without the values that were too large.
func (p *place) left() (meta map[string]string, message string) {
	p.t.Helper()
	message = p.state("termination")
	last, ok := lastwords.Parse(message)
	if !ok {
		p.t.Fatalf("the termination message holds no metadata: %q", message)
	}
	return last.Over(nil), message
}

// ended runs an agent to its end, with nobody there who follows the metadata.
func ended(t *testing.T, env map[string]string, command string) (*place, *Session) {
	t.Helper()
	p := newPlace(t)
	p.cfg.TerminationMeta = true
	s, _, exit := p.run()
	if _, err := s.Launch(t.Context(), "", wire.Launch{Command: "read -r line; " + command, WorkDir: t.TempDir(), Env: env}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Keys(t.Context(), []string{"Enter"}); err != nil {
		t.Fatal(err)
	}
	if _, err := exit(); err != nil {
		t.Fatal(err)
	}
	return p, s
}

func TestTheTerminationMessageBeginsWithTheLastMetadata(t *testing.T) {
	t.Parallel()
	const set = "tmux set-environment -t main "
	for name, test := range map[string]struct {
		command string
		want    map[string]string
	}{
		"what the agent set and removed": {"echo the reason; " + set + "GC_DRAIN_ACK 'yes, all'; " + set + "-u GC_ALIAS", map[string]string{"GC_SESSION_ID": "id-1", "GC_DRAIN_ACK": "yes, all"}},
		"what a hub would mirror, alone": {"echo the reason; " + set + "GC_TOKEN mine", map[string]string{"GC_SESSION_ID": "id-1", "GC_ALIAS": "a", "GC_TOKEN": "mine"}},
		"all but what is too large":      {"echo the reason; " + set + "LARGE $(head -c 5000 /dev/zero | tr '\\0' x)", map[string]string{"GC_SESSION_ID": "id-1", "GC_ALIAS": "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := ended(t, map[string]string{"GC_SESSION_ID": "id-1", "GC_ALIAS": "a", "GC_TOKEN": "hidden", "GC_DOLT_PASSWORD": "hidden", "API": "hidden"}, test.command)
			got, message := p.left()
			if !maps.Equal(got, test.want) {
				t.Errorf("the metadata are %q, want %q", got, test.want)
			}
			if !strings.Contains(message, "the reason\n") || strings.Contains(message, "hidden") || len(message) > lastwords.Limit {
				t.Errorf("the message is %q", message)
			}
		})
	}
}

func TestAChangeBetweenTheAgentsEndAndAgentdsIsInTheTerminationMessage(t *testing.T) {
	t.Parallel()
	p, s := ended(t, nil, "echo the reason")
	if err := s.agent.mirrorOnly(func(meta map[string]string) { meta["later"] = "word" }); err != nil {
		t.Fatal(err)
	}
	if got, message := p.left(); got["later"] != "word" || !strings.Contains(message, "\nthe reason\n") {
		t.Errorf("the message is %q", message)
	}
}

func TestATerminationMessageThatCannotBeWrittenHoldsUpNoEnd(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.cfg.TerminationMeta, p.cfg.TerminationLog = true, filepath.Join(p.cfg.StateDir, "missing", "termination")
	s, _, exit := p.run()
	if _, err := s.Launch(t.Context(), "", wire.Launch{Command: "read -r line; exit 3", WorkDir: t.TempDir()}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Keys(t.Context(), []string{"Enter"}); err != nil {
		t.Fatal(err)
	}
	if got, err := exit(); err != nil || got.Status != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}
