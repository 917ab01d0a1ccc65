package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/gascity/agentd/agentd/wire"
)

// barePod is the least that runs the agent's image.
const barePod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q},"spec":{"restartPolicy":"Never","terminationGracePeriodSeconds":0,
"containers":[{"name":"agent","image":%q,"imagePullPolicy":"IfNotPresent","command":["sleep","infinity"],"resources":{"requests":{"cpu":"1m","memory":"8Mi"}}}]}}`

// measurePodStart compares the start of a session, from the front called to the agent's prompt on the screen that it peeks at, with kubectl apply of a bare
// pod, from kubectl called to the event that says the pod is ready, on a watch that was there before: what kubectl wait sees, without its own start. It
// ends the sessions, too: of one agent that ends when it is told to, and of one that takes no notice of anything but the end of its terminal.
func measurePodStart(_ context.Context, p *podWorld, scale scale) ([]figure, error) {
	const warm = 2 // the first ones start the hub and make the keys
	var bare, ours []time.Duration
	stops := map[string][]time.Duration{}
	for i := range scale.podStarts + warm {
		b, err := p.bareReady(fmt.Sprint("bare", i))
		if err != nil {
			return nil, err
		}
		session := fmt.Sprint("s", i)
		o, err := timed(func() error { return p.untilPrompt(session) })
		if err != nil {
			return nil, err
		}
		for _, agent := range []string{"bash", "cat"} {
			name := agent + fmt.Sprint(i)
			if err := p.launch(name, wire.StartConfig{Command: agent}); err != nil {
				return nil, err
			}
			took, err := timed(func() error {
				_, err := p.front("", "stop", name)
				return err
			})
			if err != nil {
				return nil, err
			}
			if i >= warm {
				stops[agent] = append(stops[agent], took)
			}
		}
		if _, err := p.front("", "stop", session); err != nil {
			return nil, err
		}
		if i >= warm {
			bare, ours = append(bare, b), append(ours, o)
		}
	}
	start := atMost(1.3, "start, until the agent's prompt is on the screen", median(ours), "kubectl apply until Ready", median(bare))
	figures := []figure{start, {name: "  the fastest", value: duration(ours[0]), against: "the fastest " + duration(bare[0])}}
	for _, agent := range []string{"bash", "cat"} {
		figures = append(figures, within("stop of "+agent, median(stops[agent]), 1500*time.Millisecond, duration))
	}
	return figures, nil
}

// untilPrompt starts a session that runs a shell and looks for its prompt.
func (p *podWorld) untilPrompt(name string) error {
	if err := p.shell(name); err != nil {
		return err
	}
	screen, err := p.front("", "peek", name, "50")
	if err == nil && !strings.Contains(screen, strings.TrimSpace(prompt)) {
		err = fmt.Errorf("start has returned, and the screen shows no prompt: %q", screen)
	}
	return err
}

// bareReady gives the time from kubectl apply until the pod is ready, and removes the pod.
func (p *podWorld) bareReady(name string) (time.Duration, error) {
	pods := p.cluster.Client.CoreV1().Pods(p.namespace)
	watch, err := pods.Watch(p.ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()})
	if err != nil {
		return 0, err
	}
	defer watch.Stop()
	apply := p.kubectl("apply", "-f", "-")
	apply.Stdin = strings.NewReader(fmt.Sprintf(barePod, name, p.cluster.Image))
	began := time.Now()
	if _, err := said(apply); err != nil {
		return 0, err
	}
	for event := range watch.ResultChan() {
		if pod, ok := event.Object.(*corev1.Pod); ok && ready(pod) {
			took := time.Since(began)
			now := int64(0)
			return took, pods.Delete(p.ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &now})
		}
	}
	return 0, errors.Join(fmt.Errorf("pod %q did not get ready", name), p.ctx.Err())
}

func ready(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
