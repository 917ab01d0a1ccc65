package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// Link is a way to the hub.
type Link interface {
	Call(ctx context.Context, r mux.Request, reply any, safe bool) error
}

// HubCheck is the name of a check that both places have.
const HubCheck = "the hub"

const (
	sessionsGroup = "sessions"
	sessionsCheck = "the sessions"
	// sessionsTime bounds the round trips to all agents: each is asked at the same time, and the hub gives up before this.
	sessionsTime = 25 * time.Second
)

// Sessions asks every agent something that its agentd alone can answer. needs are the checks without which that is in vain.
func Sessions(link Link, command string, needs ...string) Check {
	return Check{
		Group: sessionsGroup, Name: sessionsCheck, Needs: needs, After: []string{HubCheck}, Within: sessionsTime,
		Run: func(ctx context.Context) []Finding { return sessions(ctx, link, command) },
	}
}

func sessions(ctx context.Context, link Link, command string) []Finding {
	var reply wire.ListReply
	if err := link.Call(ctx, mux.Request{Op: wire.OpList, Body: wire.List{All: true}}, &reply, true); err != nil {
		return []Finding{Bad(command+" hub logs may tell why", "sessions can't be listed: %v", err)}
	}
	var live []wire.Info
	for _, s := range reply.Sessions {
		if s.State != wire.StateExited {
			live = append(live, s)
		}
	}
	found := []Finding{counted(len(live), len(reply.Sessions)-len(live))}
	trips := make([]Finding, len(live))
	var asking sync.WaitGroup
	for i, s := range live {
		asking.Go(func() { trips[i] = roundTrip(ctx, link, command, s) })
	}
	asking.Wait()
	return append(append(found, trips...), cities(reply.Sessions)...)
}

func counted(live, ended int) Finding {
	text := "no session lives"
	switch {
	case live == 1:
		text = "one session lives"
	case live > 1:
		text = fmt.Sprintf("%d sessions live", live)
	}
	if ended > 0 {
		text += fmt.Sprintf(", %d ended and are kept", ended)
	}
	return Good("%s", text)
}

// roundTrip asks an agent twice, since the first question may have to wait for a connection.
func roundTrip(ctx context.Context, link Link, command string, s wire.Info) Finding {
	ask := mux.Request{Op: wire.OpProcessAlive, Session: s.Name, Body: wire.ProcessAlive{}}
	var took time.Duration
	for range 2 {
		begun := time.Now()
		err := link.Call(ctx, ask, nil, true)
		switch {
		case wire.CodeOf(err) == wire.CodeUnsupported:
			return Doubtful("it can be listed and stopped, nothing else; start it anew to have the rest", "%v", err)
		case wire.CodeOf(err) == wire.CodeNoSession:
			return Good("%q has just ended", s.Name)
		case err != nil:
			return Bad(fmt.Sprintf("%[1]s logs %[2]q and %[1]s hub logs may tell why; %[1]s stop %[2]q gives it up", command, s.Name), "%q does not answer: %v", s.Name, err)
		}
		took = time.Since(begun)
	}
	return Good("%q answers in %s", s.Name, Milliseconds(took))
}

// Milliseconds gives a time as people read it.
func Milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// cities warns of sessions of several cities: gc stops what it does not know.
func cities(list []wire.Info) []Finding {
	seen := map[string]bool{}
	for _, s := range list {
		if s.City != "" {
			seen[s.City] = true
		}
	}
	if len(seen) < 2 {
		return nil
	}
	return []Finding{Doubtful("give each city a namespace of its own, or set GC_K8S_CITY for each gc: a gc stops every session it is told of and does not know",
		"there are sessions of %d cities: %s", len(seen), strings.Join(slices.Sorted(maps.Keys(seen)), ", "))}
}
