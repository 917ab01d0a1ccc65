package main

import (
	"context"
	"fmt"

	"github.com/gascity/agentd/agentd/wire"
)

// measurePodEcho compares how soon a typed key is seen through gcctl attach and through kubectl exec of tmux attach, key by key in turn, on sessions of their own.
func measurePodEcho(ctx context.Context, p *podWorld, scale scale) ([]figure, error) {
	for _, name := range []string{"direct", "ours"} {
		if err := p.launch(name, wire.StartConfig{Command: typist, ReadyPromptPrefix: "ready"}); err != nil {
			return nil, err
		}
	}
	kubectl, _, err := p.terminals("direct")
	if err != nil {
		return nil, err
	}
	direct, err := p.sit("ready", 0, kubectl...)
	if err != nil {
		return nil, err
	}
	defer direct.leave()
	ours, err := p.sit("ready", 0, p.programPath("gcctl"), "attach", "ours")
	if err != nil {
		return nil, err
	}
	defer ours.leave()
	base, value, err := echoes(ctx, direct, ours, scale.podKeys, 0)
	if err != nil {
		return nil, err
	}
	var figures []figure
	for _, part := range []float64{0.5, 0.99} {
		f := atMost(1, fmt.Sprintf("echo through gcctl attach, p%g", 100*part), quantile(value, part), "kubectl exec", quantile(base, part))
		f.limit = "no slower"
		if part == 0.5 {
			f.limit = ""
		}
		figures = append(figures, f)
	}
	return figures, nil
}
