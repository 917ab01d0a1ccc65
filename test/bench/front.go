package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// measureFronts compares whole processes: what gc pays for one question.
func measureFronts(ctx context.Context, w *world, scale scale) ([]figure, error) {
	dial, err := w.build("dial")
	if err != nil {
		return nil, err
	}
	if err := w.start("s", "seq 100; echo ready; exec cat", map[string]string{"GC_ALIAS": "bench"}); err != nil {
		return nil, err
	}
	if err := w.shows("s", "ready"); err != nil {
		return nil, err
	}
	socket, err := w.hubSocket()
	if err != nil {
		return nil, err
	}
	op := func(args ...string) func() error {
		return func() error { return quietly(w.command(w.provider, args...)) }
	}
	base := func() error { return exec.CommandContext(ctx, dial, socket).Run() }
	samples, err := inTurn(scale.calls, base, op("is-running", "s"), op("get-last-activity", "s"), op("peek", "s", "120"), op("list-running", ""),
		op("get-meta", "s", "GC_ALIAS"), withStdin(w, "cat", "process-alive", "s"))
	if err != nil {
		return nil, err
	}
	changed, err := changedPeeks(w, scale.calls, base)
	if err != nil {
		return nil, err
	}
	nudged, err := nudges(w, scale.calls, base)
	if err != nil {
		return nil, err
	}
	program := median(samples[0])
	const name = "empty Go program that dials"
	figures := []figure{
		atMost(2, "is-running", median(samples[1]), name, program),
		atMost(2, "get-last-activity", median(samples[2]), name, program),
		atMost(2, "peek, unchanged screen", median(samples[3]), name, program),
		atMost(2.5, "peek, changed screen", median(changed[1]), name, median(changed[0])),
		atMost(2.5, "nudge, to accepted", median(nudged[1]), name, median(nudged[0])),
	}
	for i, op := range []string{"list-running", "get-meta", "process-alive"} {
		f := atMost(0, op, median(samples[4+i]), name, program)
		f.limit = ""
		figures = append(figures, f)
	}
	return figures, nil
}

func withStdin(w *world, stdin string, args ...string) func() error {
	return func() error {
		_, err := w.front(stdin, args...)
		return err
	}
}

// nudges measures nudges until they are accepted, and as many of base. Typing them takes longer, and the session is stopped with most of them in its queue.
func nudges(w *world, n int, base func() error) ([][]time.Duration, error) {
	if err := w.start("nudged", "echo ready; exec cat", nil); err != nil {
		return nil, err
	}
	if err := w.shows("nudged", "ready"); err != nil {
		return nil, err
	}
	samples, err := inTurn(n, base, withStdin(w, "a message", "nudge", "nudged"))
	if err != nil {
		return nil, err
	}
	_, err = w.front("", "stop", "nudged")
	return samples, err
}

// changedPeeks measures peeks each of which is the first after a change of the screen, and as many of base.
func changedPeeks(w *world, n int, base func() error) (samples [2][]time.Duration, err error) {
	hub, err := w.connect()
	if err != nil {
		return samples, err
	}
	defer hub.Close(wire.CloseNormal, "")
	for i := range n {
		d, err := timed(base)
		if err != nil {
			return samples, err
		}
		samples[0] = append(samples[0], d)
		word := fmt.Sprintf("word%d.", i)
		if err := w.change(hub, "s", word); err != nil {
			return samples, err
		}
		peek := w.command(w.provider, "peek", "s", "120")
		var screen []byte
		d, err = timed(func() (err error) {
			screen, err = peek.Output()
			return err
		})
		if err != nil {
			return samples, err
		}
		if !bytes.Contains(screen, []byte(word)) {
			return samples, fmt.Errorf("peek shows a screen from before %q was typed", word)
		}
		samples[1] = append(samples[1], d)
	}
	return samples, nil
}

// change types a line into a session and waits until tmux shows it. The hub's own copy of the screen isn't asked for: that is to be old.
func (w *world) change(hub *mux.Conn, name, line string) error {
	err := hub.Call(w.ctx, mux.Request{Op: wire.OpKeys, Session: name, Body: wire.Keys{Keys: []string{line, "Enter"}}}, nil)
	if err != nil {
		return err
	}
	_, socket, err := w.tmux(name)
	if err != nil {
		return err
	}
	return w.until("tmux shows "+line, func() (bool, error) {
		screen, err := exec.CommandContext(w.ctx, "tmux", "-S", socket, "capture-pane", "-p", "-t", "main").Output()
		return bytes.Contains(screen, []byte(line)), err
	})
}
