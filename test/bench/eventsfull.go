package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// measureEventsFull reads a log that holds many events.
func measureEventsFull(ctx context.Context, e *eventWorld, scale scale) ([]figure, error) {
	n := scale.storedEvents
	if err := e.ours("{}", "list")(); err != nil {
		return nil, err
	}
	empty, _, err := e.hubMemory()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(e.fill(n), e.stopHub()); err != nil {
		return nil, err
	}
	first, err := e.firstLine(n - 1) // starts the hub
	if err != nil {
		return nil, err
	}
	polls, err := e.polls(ctx, scale)
	if err != nil {
		return nil, err
	}
	held, most, err := e.hubMemory()
	if err != nil {
		return nil, err
	}
	latency, err := e.latency(scale.podKeys)
	if err != nil {
		return nil, err
	}
	return append(polls,
		within(fmt.Sprintf("watch's first line, %d events stored, no hub yet", n), first, 2*time.Second, duration),
		within("  RSS of the hub, above one of an empty log", held-empty, 100<<20, mib),
		figure{name: "  the most that it ever held", value: mib(most), against: "of an empty log " + mib(empty)},
		within("watch: from record's return to the line, p99", quantile(latency, 0.99), 50*time.Millisecond, duration),
		figure{name: "  p50", value: duration(median(latency))},
	), nil
}

// hubMemory is what the hub holds, and the most that it ever held.
func (e *eventWorld) hubMemory() (now, most int64, err error) {
	hub, err := e.hub()
	if err != nil {
		return 0, 0, err
	}
	if now, err = memory(hub.PID, "VmRSS"); err != nil {
		return 0, 0, err
	}
	most, err = memory(hub.PID, "VmHWM")
	return now, most, err
}

// polls measures lists of what is new, as gc asks for it all the time.
func (e *eventWorld) polls(ctx context.Context, scale scale) ([]figure, error) {
	dial, err := e.build("dial")
	if err != nil {
		return nil, err
	}
	socket, err := e.hubSocket()
	if err != nil {
		return nil, err
	}
	n := scale.storedEvents
	one, none := fmt.Sprintf(`{"AfterSeq":%d}`, n-1), fmt.Sprintf(`{"AfterSeq":%d}`, n)
	samples, err := inTurn(scale.calls, func() error { return exec.CommandContext(ctx, dial, socket).Run() },
		e.lists(one, 1), e.lists(none, 0), e.ours("", "latest-seq"))
	if err != nil {
		return nil, err
	}
	program := median(samples[0])
	const base = "empty Go program that dials"
	figures := []figure{
		atMost(2.2, fmt.Sprintf("list, AfterSeq, 1 new, %d events stored", n), median(samples[1]), base, program),
		atMost(2.2, "list, AfterSeq, none new", median(samples[2]), base, program),
		atMost(2.2, "latest-seq", median(samples[3]), base, program),
	}
	const few = 3
	theirs, err := inTurnFew(few, e.theirs(one, "list"), e.lists(`{}`, n))
	if err != nil {
		return nil, err
	}
	return append(figures,
		figure{name: "  the script's list, AfterSeq, 1 new", value: duration(median(theirs[0]))},
		figure{name: fmt.Sprintf("list of all %d", n), value: duration(median(theirs[1]))},
	), nil
}

// inTurnFew is inTurn without turns that don't count, for what takes seconds.
func inTurnFew(n int, fs ...func() error) ([][]time.Duration, error) {
	samples := make([][]time.Duration, len(fs))
	for range n {
		for i, f := range fs {
			took, err := timed(f)
			if err != nil {
				return nil, err
			}
			samples[i] = append(samples[i], took)
		}
	}
	return samples, nil
}

// lists asks for a list, which must hold as many events.
func (e *eventWorld) lists(filter string, want int) func() error {
	return func() error {
		out, err := e.ask(filter, "list")
		if got := strings.Count(out, `"seq":`); err == nil && got != want {
			err = fmt.Errorf("list %s gives %d events, want %d", filter, got, want)
		}
		return err
	}
}

// watching is a watch, whose lines are told with the time at which they came.
type watching struct {
	lines <-chan line
	stop  func()
}

type line struct {
	text string
	at   time.Time
}

// watch starts a watch.
func (e *eventWorld) watch(after int) (*watching, error) {
	cmd := e.command("gc-events-k8s", "watch", fmt.Sprint(after))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	const many = 100_000 // more than any measurement has
	lines := make(chan line, many)
	go func() {
		defer close(lines)
		r := bufio.NewReader(out)
		for {
			text, err := r.ReadString('\n')
			if err != nil {
				return
			}
			lines <- line{text, time.Now()}
		}
	}()
	return &watching{lines, func() {
		_ = cmd.Process.Kill()
		for range lines { // until its pipe is read to the end
		}
		_ = cmd.Wait()
	}}, nil
}

// next is the watch's next line.
func (w *watching) next(ctx context.Context) (line, error) {
	const patience = 30 * time.Second
	select {
	case l, open := <-w.lines:
		if !open {
			return l, fmt.Errorf("the watch has ended: %w", io.ErrUnexpectedEOF)
		}
		return l, nil
	case <-time.After(patience):
		return line{}, fmt.Errorf("waited %s in vain for a watch's line", patience)
	case <-ctx.Done():
		return line{}, ctx.Err()
	}
}

// firstLine measures from a watch's start to its first line.
func (e *eventWorld) firstLine(after int) (time.Duration, error) {
	began := time.Now()
	w, err := e.watch(after)
	if err != nil {
		return 0, err
	}
	defer w.stop()
	l, err := w.next(e.ctx)
	return l.at.Sub(began), err
}

// latency measures from the return of a record to the line that a watch shows of it. A line that is there before counts as 0.
func (e *eventWorld) latency(n int) ([]time.Duration, error) {
	latest, err := e.ask("", "latest-seq")
	if err != nil {
		return nil, err
	}
	var after int
	if _, err := fmt.Sscan(latest, &after); err != nil {
		return nil, fmt.Errorf("latest-seq is %q: %w", latest, err)
	}
	w, err := e.watch(after)
	if err != nil {
		return nil, err
	}
	defer w.stop()
	var samples []time.Duration
	for i := range n + 1 {
		if err := e.ours(event("latency", i), "record")(); err != nil {
			return nil, err
		}
		returned := time.Now()
		l, err := w.next(e.ctx)
		if err != nil {
			return nil, err
		}
		if !strings.Contains(l.text, fmt.Sprintf(`"bench-%d"`, i)) {
			return nil, fmt.Errorf("after event %d the watch shows %q", i, l.text)
		}
		if i > 0 { // the first waits for the watch's start as well
			samples = append(samples, max(0, l.at.Sub(returned)))
		}
	}
	return samples, nil
}
