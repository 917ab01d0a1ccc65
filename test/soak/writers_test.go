package soak

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// writers record events, each one at a time, and keep what they were told.
type writers struct {
	w  *world
	mu sync.Mutex
	// acknowledged are each writer's events that are said to be stored or kept, in order.
	acknowledged map[string][]string
	failed       []string
	slowest      time.Duration
}

// write records events until ctx ends; what is under way then is finished. Spool says that the writer would rather have an event kept than wait.
func (ws *writers) write(ctx context.Context, name string, spool bool, every time.Duration) {
	var env []string
	if spool {
		env = []string{"GC_EVENTS_SPOOL=1"}
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		id := fmt.Sprintf("%s-%06d", name, n)
		began := time.Now()
		_, err := ws.w.call(env, fmt.Sprintf(`{"type":"soak","actor":%q,"message":%q}`, name, id), "gc-events-k8s", "record")
		ws.told(name, id, time.Since(began), err)
	}
}

func (ws *writers) told(name, id string, took time.Duration, err error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.slowest = max(ws.slowest, took)
	if err != nil {
		ws.failed = append(ws.failed, fmt.Sprintf("%s after %s: %v", id, took.Round(time.Millisecond), err))
		return
	}
	ws.acknowledged[name] = append(ws.acknowledged[name], id)
}

// count is how many events were acknowledged.
func (ws *writers) count() (n int) {
	for _, ids := range ws.acknowledged {
		n += len(ids)
	}
	return n
}
