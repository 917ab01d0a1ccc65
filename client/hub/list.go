package hub

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

const (
	// listTime bounds the wait for sessions whose links aren't proven live; what does not answer is listed as lost.
	listTime = 5 * time.Second
	// watchPause is the least time between two pushes of a watched list.
	watchPause = 250 * time.Millisecond
	// rescan is how often a watched list looks for sessions that another process has made.
	rescan = time.Second
)

// list answers OpList.
func (h *Hub) list(ctx context.Context, q wire.List) (wire.ListReply, error) {
	if err := h.adoptAll(ctx); err != nil {
		return wire.ListReply{}, err
	}
	wanted := slices.DeleteFunc(h.all(), func(s *session) bool {
		return !strings.HasPrefix(s.name, q.Prefix) || q.City != "" && s.record.City != q.City
	})
	infos := make([]wire.Info, len(wanted))
	keep := make([]bool, len(wanted))
	var asking sync.WaitGroup
	for i, s := range wanted {
		if info, ok := s.told(); ok {
			infos[i], keep[i] = info, true
			continue
		}
		asking.Go(func() { infos[i], keep[i] = s.asked(ctx) })
	}
	asking.Wait()
	if err := ctx.Err(); err != nil {
		return wire.ListReply{}, context.Cause(ctx)
	}
	reply := wire.ListReply{Sessions: make([]wire.Info, 0, len(wanted))}
	for i := range wanted {
		if keep[i] && (q.All || infos[i].State != wire.StateExited) {
			reply.Sessions = append(reply.Sessions, infos[i])
		}
	}
	slices.SortFunc(reply.Sessions, func(a, b wire.Info) int { return strings.Compare(a.Name, b.Name) })
	return reply, nil
}

// told gives the session's line from what was pushed; false when it must be asked.
func (s *session) told() (wire.Info, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.info(s.snapshot()), s.over && !s.gone || s.foreign || s.proven()
}

// asked gives the session's line after asking; false when there turned out to be no session.
func (s *session) asked(ctx context.Context) (wire.Info, bool) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	status, err := s.settle(ctx)
	if err != nil {
		status = s.presumed(s.ctx) // ctx is over, and this takes no time: backends look at what they have
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return wire.Info{}, false
	}
	info := s.info(status)
	if err != nil {
		info.Lost = err.Error()
	}
	return info, true
}

// info describes the session for a list. The caller holds mu.
func (s *session) info(status wire.Status) wire.Info {
	r, now := s.record, s.ep.Record() // where it runs may have become known since
	return wire.Info{
		Name: r.Name, City: r.City, Status: status, Created: r.Created, WorkDir: r.WorkDir, Command: r.Command, Version: s.version,
		PID: now.PID, Pod: now.Pod, Node: now.Node,
	}
}

// watchList answers OpWatchList.
func (h *Hub) watchList(ctx context.Context, x *mux.Exchange) (any, error) {
	var q wire.List
	if err := x.Decode(&q); err != nil {
		return nil, err
	}
	look := time.NewTicker(rescan)
	defer look.Stop()
	for {
		changed := h.change()
		reply, err := h.list(ctx, q)
		if err != nil {
			return nil, err
		}
		if err := x.Push(reply); err != nil {
			return nil, err
		}
		if err := h.awaitListChange(ctx, changed, look.C); err != nil {
			return nil, err
		}
	}
}

// awaitListChange waits until the list may differ, and for the least pause.
func (h *Hub) awaitListChange(ctx context.Context, changed <-chan struct{}, look <-chan time.Time) error {
	pause := time.NewTimer(watchPause)
	defer pause.Stop()
	for waiting := true; waiting; {
		select {
		case <-changed:
			waiting = false
		case <-look:
			if err := h.adoptAll(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	select {
	case <-pause.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
