package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// measurePodMany runs many sessions in pods, and does with each what gc does with every session in each of its rounds.
func measurePodMany(_ context.Context, p *podWorld, scale scale) ([]figure, error) {
	names := make([]string, scale.podSessions)
	for i := range names {
		names[i] = fmt.Sprintf("s%03d", i)
	}
	starting, err := timed(func() error {
		return atOnce(4, len(names), func(i int) error { return p.launch(names[i], wire.StartConfig{Command: "exec sleep infinity"}) })
	})
	if err != nil {
		return nil, err
	}
	const settle = 10 * time.Second // kubelets and watches have much to tell after so many starts
	if err := pause(p.ctx, settle); err != nil {
		return nil, err
	}
	ours, err := p.rounds(names, p.ourRound)
	if err != nil {
		return nil, err
	}
	theirs, err := timed(func() error { return p.theirRound(names) })
	if err != nil {
		return nil, err
	}
	after, err := p.rounds(names, p.ourRound)
	if err != nil {
		return nil, err
	}
	hub, err := p.hub()
	if err != nil {
		return nil, err
	}
	size, err := memory(hub.PID, "VmRSS")
	if err != nil {
		return nil, err
	}
	n := len(names)
	round := atMost(1./30, fmt.Sprintf("a round over %d: is-running, activity, peek 50, alive", n), median(append(ours, after...)), "the script's", theirs)
	round.limit = "at most 1/30"
	return []figure{
		{name: fmt.Sprintf("start of %d, 4 at once", n), value: duration(starting)},
		round,
		{name: "  each of its operations", value: duration(median(append(ours, after...)) / time.Duration(4*n)), against: "the script's " + duration(theirs/time.Duration(4*n))},
		{name: fmt.Sprintf("RSS of the hub with %d sessions", n), value: mib(size)},
	}, nil
}

// rounds times a few rounds.
func (p *podWorld) rounds(names []string, round func([]string) error) ([]time.Duration, error) {
	const times = 3
	var samples []time.Duration
	for range times {
		took, err := timed(func() error { return round(names) })
		if err != nil {
			return nil, err
		}
		samples = append(samples, took)
	}
	return samples, nil
}

// ourRound asks for each session, one question after the other.
func (p *podWorld) ourRound(names []string) error {
	for _, name := range names {
		for _, q := range []struct {
			stdin string
			args  []string
			want  string
		}{
			{"", []string{"is-running", name}, "true"},
			{"", []string{"get-last-activity", name}, ""},
			{"", []string{"peek", name, "50"}, ""},
			{"sleep", []string{"process-alive", name}, "true"},
		} {
			answer, err := p.front(q.stdin, q.args...)
			if err != nil {
				return err
			}
			if !strings.HasPrefix(answer, q.want) {
				return fmt.Errorf("%s %s: %q", p.provider, strings.Join(q.args, " "), answer)
			}
		}
	}
	return nil
}

// theirRound does what the script does: each operation looks up the pod, then asks for it or in it.
func (p *podWorld) theirRound(names []string) error {
	for _, name := range names {
		for _, q := range []func(pod string) (string, error){
			func(pod string) (string, error) {
				return said(p.kubectl("get", "pod", pod, "-o", "jsonpath={.status.phase}"))
			},
			func(pod string) (string, error) {
				return said(p.inPod(pod, "tmux", "display-message", "-p", "-t", "main", "#{session_activity}"))
			},
			func(pod string) (string, error) {
				return said(p.inPod(pod, "tmux", "capture-pane", "-p", "-t", "main", "-S", "-50"))
			},
			func(pod string) (string, error) { return said(p.inPod(pod, "pgrep", "-f", "sleep")) },
		} {
			pod, err := p.podOf(name)
			if err != nil {
				return err
			}
			answer, err := q(pod)
			if err != nil {
				return err
			}
			if answer == "" {
				return fmt.Errorf("the script gets no answer from %s", name)
			}
		}
	}
	return nil
}
