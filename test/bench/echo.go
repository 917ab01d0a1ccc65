package main

import (
	"context"
	"fmt"
	"time"
)

// typist is an agent that shows what is typed and does nothing else: the terminal's line discipline answers.
const typist = "stty -icanon min 1; echo ready; exec cat >/dev/null"

// betweenKeys is the time from one key's echo to the next key; people type slower.
const betweenKeys = 3 * time.Millisecond

// measureEcho compares how long a typed key takes to appear through gcctl attach and through tmux attach, key by key in turn. Both terminals
// are on sessions of their own, alike.
func measureEcho(ctx context.Context, w *world, scale scale) ([]figure, error) {
	for _, name := range []string{"direct", "ours"} {
		if err := w.start(name, typist, nil); err != nil {
			return nil, err
		}
		if err := w.shows(name, "ready"); err != nil {
			return nil, err
		}
	}
	_, socket, err := w.tmux("direct")
	if err != nil {
		return nil, err
	}
	direct, err := w.sit("ready", 0, "tmux", "-u", "-S", socket, "attach", "-t", "=main")
	if err != nil {
		return nil, err
	}
	defer direct.leave()
	ours, err := w.sit("ready", 0, w.programPath("gcctl"), "attach", "ours")
	if err != nil {
		return nil, err
	}
	defer ours.leave()

	var samples [2][]time.Duration
	const warm = 20
	for i := range scale.keys + warm {
		key := string("zwyoq"[i%5]) // letters that end no escape sequence of tmux's
		for j, p := range []*person{direct, ours} {
			d, err := p.says(ctx, key, key)
			if err != nil {
				return nil, err
			}
			if i >= warm {
				samples[j] = append(samples[j], d)
			}
			if err := pause(ctx, betweenKeys); err != nil {
				return nil, err
			}
		}
	}
	var figures []figure
	for _, part := range []float64{0.5, 0.99} {
		base, value := quantile(samples[0], part), quantile(samples[1], part)
		f := figure{
			name: fmt.Sprintf("echo through gcctl attach, p%g", 100*part), value: duration(value),
			against: "tmux attach " + duration(base), ratio: float64(value) / float64(base),
		}
		if part == 0.99 {
			f.limit, f.ok = "at most 2 ms more", value <= base+2*time.Millisecond
		}
		figures = append(figures, f)
	}
	return figures, nil
}
