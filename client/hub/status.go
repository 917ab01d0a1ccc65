package hub

import (
	"context"
	"os"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// status answers OpHubStatus.
func (h *Hub) status() wire.HubStatus {
	sessions := 0
	for _, s := range h.all() {
		if !s.isOver() {
			sessions++
		}
	}
	return wire.HubStatus{
		Version: wire.BuildVersion(), PID: os.Getpid(), Started: h.started, Backend: h.backend.Name(),
		Socket: h.options.Socket, Log: h.options.Log, Sessions: sessions, Requests: h.requests.Load(), Memory: residentSet(),
	}
}

// toldToStop answers OpHubStop.
func (h *Hub) toldToStop(ctx context.Context, x *mux.Exchange) error {
	var q wire.HubStop
	if err := x.Decode(&q); err != nil {
		return err
	}
	code := wire.CloseShutdown
	if q.Replace {
		code = wire.CloseReplaced
	}
	h.log.Info("told to leave", "replace", q.Replace)
	h.leave(code)
	select {
	case <-h.deaf:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
