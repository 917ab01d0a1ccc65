package agentd

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/gascity/agentd/agentd/session"
)

// hurriedGrace is what is left of the grace period when a stop is asked for a second time: enough for a program to die of SIGTERM.
const hurriedGrace = 500 * time.Millisecond

// stopOnSignal stops the session when SIGTERM or SIGINT asks for it, faster when asked again, until ctx ends. Init is told once that works.
//
// Other signals that init forwards mean nothing here, and must not kill. They are caught rather than ignored: the agent would inherit that.
// SIGQUIT is left to the runtime, which writes all stacks to the log; init starts serve again.
func stopOnSignal(ctx context.Context, c Config, s *session.Session, leave context.CancelCauseFunc) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM)
	defer signal.Stop(signals)
	if err := c.Parent.Ready(); err != nil {
		leave(err)
		return
	}
	var stops sync.WaitGroup
	defer stops.Wait()
	grace := c.Grace
	for {
		select {
		case sig := <-signals:
			if sig != syscall.SIGTERM && sig != syscall.SIGINT {
				c.Log.Info("signal has no meaning here", "signal", sig.String())
				continue
			}
			c.Log.Info("stopping", "signal", sig.String(), "grace", grace.String())
			within := grace
			stops.Go(func() {
				if err := s.Stop(ctx, within); err != nil {
					c.Log.Error("stop failed", "error", err)
				}
			})
			grace = min(grace, hurriedGrace)
		case <-ctx.Done():
			return
		}
	}
}
