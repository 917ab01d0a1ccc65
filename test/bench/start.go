package main

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

// measureStart compares the start of a session with the least that it could be: a tmux server with the shell in it, and a process that asks
// for that. What ends the session isn't measured.
func measureStart(ctx context.Context, w *world, scale scale) ([]figure, error) {
	if err := w.start("first", "bash", nil); err != nil { // starts the hub
		return nil, err
	}
	var bare, ours []time.Duration
	for i := range scale.starts + 2 {
		b, err := w.bareStart(i)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprint("s", i)
		o, err := timed(func() error { return w.start(name, "bash", nil) })
		if err != nil {
			return nil, err
		}
		if _, err := w.front("", "stop", name); err != nil {
			return nil, err
		}
		if i >= 2 { // the first ones find caches cold
			bare, ours = append(bare, b), append(ours, o)
		}
	}
	return []figure{atMost(5, "start of bash", median(ours), "tmux new-session -d bash; true", median(bare))}, nil
}

// bareStart times a new tmux server that runs bash, and an empty process.
func (w *world) bareStart(i int) (time.Duration, error) {
	socket := w.path(fmt.Sprint("tmux", i))
	tmux := func(args ...string) error {
		cmd := exec.CommandContext(w.ctx, "tmux", append([]string{"-S", socket, "-f", "/dev/null"}, args...)...)
		cmd.Env, cmd.Dir = w.env, w.path("work")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("tmux %s: %w: %s", args[0], err, out)
		}
		return nil
	}
	d, err := timed(func() error {
		if err := tmux("new-session", "-d", "bash"); err != nil {
			return err
		}
		return exec.CommandContext(w.ctx, "true").Run()
	})
	if err != nil {
		return 0, err
	}
	return d, tmux("kill-server")
}
