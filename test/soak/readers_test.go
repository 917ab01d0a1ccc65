package soak

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// reader keeps what it sees.
type reader struct {
	mu   sync.Mutex
	seen []Seen
	news chan struct{} // holds one when something was seen
	odd  []string
}

func newReader() *reader { return &reader{news: make(chan struct{}, 1)} }

func (r *reader) see(events ...event) {
	r.mu.Lock()
	for _, e := range events {
		r.seen = append(r.seen, Seen{e.Seq, e.Message})
	}
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

func (r *reader) complain(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.odd = append(r.odd, fmt.Sprintf(format, args...))
}

func (r *reader) last() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) == 0 {
		return 0
	}
	return r.seen[len(r.seen)-1].Seq
}

// lacks tells whether one of the events wasn't seen.
func (r *reader) lacks(acknowledged map[string][]string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[string]bool{}
	for _, s := range r.seen {
		seen[s.ID] = true
	}
	for _, ids := range acknowledged {
		for _, id := range ids {
			if !seen[id] {
				return true
			}
		}
	}
	return false
}

// await waits until the reader has seen all of the events, or its time is over.
func (r *reader) await(acknowledged map[string][]string, patience time.Duration) {
	giveUp := time.After(patience)
	for r.lacks(acknowledged) {
		select {
		case <-r.news:
		case <-giveUp:
			return
		}
	}
}

// event is what is read of one.
type event struct {
	Seq     uint64 `json:"seq"`
	Message string `json:"message"`
}

// watch is one watch, as one process, from the first event on. The returned function ends it.
func (r *reader) watch(cmd *exec.Cmd, ended func() bool) (stop func(), err error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadBytes('\n')
			if err == io.EOF && len(line) == 0 {
				if !ended() {
					r.complain("the watch has ended by itself after %d", r.last())
				}
				return
			}
			var e event
			if bad := json.Unmarshal(line, &e); bad != nil || e.Seq == 0 {
				if !ended() {
					r.complain("the watch shows %q: %v", line, err)
				}
				return
			}
			r.see(e)
		}
	})
	return func() {
		_ = cmd.Process.Kill()
		reading.Wait()
		_ = cmd.Wait()
	}, nil
}

// polls is what came of them.
type polls struct {
	n       int
	slowest time.Duration
	failed  []string
}

// poll lists what is new until ctx ends, and once more, as gc does.
func (r *reader) poll(ctx context.Context, w *world, every time.Duration) (all polls) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for last := false; !last; all.n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			last = true
		}
		began := time.Now()
		out, err := w.call(nil, fmt.Sprintf(`{"AfterSeq":%d}`, r.last()), "gc-events-k8s", "list")
		all.slowest = max(all.slowest, time.Since(began))
		if err != nil {
			all.failed = append(all.failed, err.Error())
			continue
		}
		var list []event
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			r.complain("list gives %q: %v", out, err)
			continue
		}
		r.see(list...)
	}
	return all
}
