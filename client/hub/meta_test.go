package hub

import (
	"testing"

	"github.com/gascity/agentd/agentd/wire"
)

func TestAnEndedSessionTakesNoMetadataThatAgentdRefuses(t *testing.T) {
	t.Parallel()
	f := newFake(t, "s").running(1, "")
	w := newWorld(t, Options{}, f)
	s := w.linked("s")
	f.end(0)
	w.await(s, func() bool { return s.over })
	for name, bad := range map[string]wire.Meta{
		"an equals sign":         {Key: "a=b"},
		"a newline in a key":     {Key: "a\nb"},
		"a zero byte in a value": {Key: "a", Value: "\x00"},
	} {
		if err := w.ask(wire.OpMetaSet, "s", bad, nil); wire.CodeOf(err) != wire.CodeBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := f.mirrored(); len(got) != 0 {
		t.Errorf("left are %q", got)
	}
}
