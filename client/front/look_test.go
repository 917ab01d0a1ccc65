package front

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func TestCheckImagePassesOnTheSettings(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(context.Context, *mux.Exchange) (any, error) { return nil, nil })
	if got := h.front("", "check-image", "image:1"); got != (result{}) {
		t.Fatalf("got %+v", got)
	}
	var q wire.CheckImage
	if err := json.Unmarshal(h.seen()[0].Body.(json.RawMessage), &q); err != nil {
		t.Fatal(err)
	}
	if q.Image != "image:1" || !slices.Equal(q.BaseEnv, os.Environ()) {
		t.Errorf("the hub was asked for %+v", q)
	}
}
