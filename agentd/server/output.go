package server

import (
	"context"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// output streams the log of the agent's output. A slow reader holds back its own stream alone: what it misses meanwhile the session says.
func (l *link) output(ctx context.Context, x *mux.Exchange) (any, error) {
	var ask wire.Output
	if err := x.Decode(&ask); err != nil {
		return nil, err
	}
	return nil, l.server.session.Output(ctx, ask, x)
}
