package main

import (
	"context"
	"os/exec"

	"github.com/gascity/agentd/agentd/tmux"
)

// measureCapture compares a capture over a control connection, which is how agentd makes each, with a tmux client started for it.
func measureCapture(ctx context.Context, w *world, scale scale) ([]figure, error) {
	if err := w.start("s", "seq 100; echo ready; exec cat", nil); err != nil {
		return nil, err
	}
	if err := w.shows("s", "ready"); err != nil {
		return nil, err
	}
	dir, socket, err := w.tmux("s")
	if err != nil {
		return nil, err
	}
	control, err := tmux.Attach(ctx, tmux.Options{Dir: dir, Events: func(tmux.Event) {}}, "=main")
	if err != nil {
		return nil, err
	}
	defer control.Close()
	samples, err := inTurn(scale.calls,
		func() error {
			return quietly(exec.CommandContext(ctx, "tmux", "-S", socket, "capture-pane", "-p", "-t", "main"))
		},
		func() error {
			_, err := control.Run(ctx, "capture-pane", "-p", "-t", "main")
			return err
		})
	if err != nil {
		return nil, err
	}
	return []figure{atMost(0.1, "capture over control mode", median(samples[1]), "tmux capture-pane as a process", median(samples[0]))}, nil
}
