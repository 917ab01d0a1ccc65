package main

import (
	"context"
	"fmt"
	"time"
)

// typist is an agent that shows what is typed and does nothing else: the terminal's line discipline answers.
const typist = "stty -icanon min 1; echo ready; exec cat >/dev/null"

// measureEcho compares how long a typed key takes to appear through gcctl attach and through tmux attach, key by key in turn. Both terminals
// are on sessions of their own, alike. A key is typed as soon as the one before has appeared in the other terminal; and again, at the pace of
// a fast typist, for whom the processors have gone to sleep between two keys.
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

	var figures []figure
	for _, pace := range []struct {
		name  string
		pause time.Duration
		keys  int
	}{{"", 0, scale.keys}, {", 20 ms after the last", 20 * time.Millisecond, scale.keys / 10}} {
		base, value, err := echoes(ctx, direct, ours, pace.keys, pace.pause)
		if err != nil {
			return nil, err
		}
		for _, part := range []float64{0.5, 0.99} {
			f := echoFigure(part, quantile(base, part), quantile(value, part))
			f.name += pace.name
			if part == 0.5 || pace.pause > 0 {
				f.limit = ""
			}
			figures = append(figures, f)
		}
	}
	return figures, nil
}

// echoes types keys into two terminals in turn and gives how long each took to appear.
func echoes(ctx context.Context, a, b *person, keys int, rest time.Duration) (as, bs []time.Duration, err error) {
	const warm = 20
	for i := range keys + warm {
		key := string("zwyoq"[i%5]) // letters that end no escape sequence of tmux's
		var took [2]time.Duration
		for j, p := range []*person{a, b} {
			if took[j], err = p.says(ctx, key, key); err != nil {
				return nil, nil, err
			}
			if rest > 0 {
				if err := pause(ctx, rest); err != nil {
					return nil, nil, err
				}
			}
		}
		if i >= warm {
			as, bs = append(as, took[0]), append(bs, took[1])
		}
	}
	return as, bs, nil
}

// echoFigure says how much longer than base a part of the keys took at most.
func echoFigure(part float64, base, value time.Duration) figure {
	return figure{
		name: fmt.Sprintf("echo through gcctl attach, p%g", 100*part), value: duration(value),
		against: "tmux attach " + duration(base), ratio: float64(value) / float64(base),
		limit: "at most 2 ms more", ok: value <= base+2*time.Millisecond,
	}
}
