package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/test/eventscript"
)

// eventWorld is a namespace with an event log in it, and the programs that write and read it.
type eventWorld struct {
	*podWorld
	script string
}

// onEvents makes a group's measuring out of one that needs an event log in a cluster.
func onEvents(measure func(ctx context.Context, e *eventWorld, scale scale) ([]figure, error)) func(context.Context, *world, scale) ([]figure, error) {
	return onPods(func(ctx context.Context, p *podWorld, scale scale) ([]figure, error) {
		script, err := eventscript.Write(p.dir)
		if err != nil {
			return nil, err
		}
		p.env = append(p.env, "KUBECTL="+p.cluster.Kubectl)
		e := &eventWorld{p, script}
		if err := e.ours("", "ensure-running")(); err != nil {
			return nil, err
		}
		return measure(ctx, e, scale)
	})
}

// ours and theirs do an operation by gc-events-k8s and by the script.
func (e *eventWorld) ours(stdin string, args ...string) func() error {
	return func() error {
		_, err := e.ask(stdin, args...)
		return err
	}
}

func (e *eventWorld) ask(stdin string, args ...string) (string, error) {
	cmd := e.command("gc-events-k8s", args...)
	cmd.Stdin = strings.NewReader(stdin)
	return said(cmd)
}

func (e *eventWorld) theirs(stdin string, args ...string) func() error {
	return func() error {
		cmd := exec.CommandContext(e.ctx, e.script, args...)
		cmd.Env, cmd.Dir, cmd.Stdin = e.env, e.dir, strings.NewReader(stdin)
		_, err := said(cmd)
		return err
	}
}

// event is one as gc's are. Its actor tells who wrote it.
func event(actor string, n int) string {
	return fmt.Sprintf(`{"type":"bead.updated","actor":%q,"subject":"bench-%d","message":"status changed from open to in_progress","payload":{"id":"bench-%d","status":"in_progress","labels":["bench"]}}`, actor, n, n)
}

// measureEvents compares records: one after the other, and of many writers at once.
func measureEvents(_ context.Context, e *eventWorld, scale scale) ([]figure, error) {
	samples, err := inTurn(scale.podCalls, e.theirs(event("theirs", 0), "record"), e.ours(event("ours", 0), "record"))
	if err != nil {
		return nil, err
	}
	theirAlone, ourAlone := median(samples[0]), median(samples[1])
	alone := atMost(1./20, "record, alone", ourAlone, "the script", theirAlone)
	alone.limit = "at most 1/20"

	const theirWriters, ourWriters = 10, 50
	theirs, err := e.together("their-many", theirWriters, scale.scriptEvents, e.theirs)
	if err != nil {
		return nil, err
	}
	ours, err := e.together("our-many", ourWriters, scale.events, e.ours)
	if err != nil {
		return nil, err
	}
	// With several writers the script may get less done than with one.
	best := max(theirs.rate(), 1/theirAlone.Seconds())
	rate := figure{
		name:    fmt.Sprintf("record, %d writers at once", ourWriters),
		value:   perSecond(ours.rate()),
		against: "the script's best " + perSecond(best),
		ratio:   ours.rate() / best,
		limit:   "at least 20x", ok: ours.rate() >= 20*best,
	}
	return []figure{
		alone, rate,
		within(fmt.Sprintf("  of %d events lost", scale.events), scale.events-ours.stored, 0, count),
		{
			name:  fmt.Sprintf("  the script's, %d writers at once", theirWriters),
			value: perSecond(theirs.rate()), against: fmt.Sprintf("of %d events lost %d", scale.scriptEvents, scale.scriptEvents-theirs.stored),
		},
	}, nil
}

func count(n int) string { return fmt.Sprint(n) }

func perSecond(rate float64) string { return fmt.Sprintf("%.1f/s", rate) }

// crowd is what many writers at once got done.
type crowd struct {
	stored int
	took   time.Duration
}

func (c crowd) rate() float64 { return float64(c.stored) / c.took.Seconds() }

// together has several writers record n events, each by a process of its own, and counts what is stored afterwards: what of it fails is lost.
func (e *eventWorld) together(actor string, writers, n int, op func(stdin string, args ...string) func() error) (crowd, error) {
	var failed atomic.Int64
	began := time.Now()
	_ = atOnce(writers, n, func(i int) error {
		err := op(event(actor, i), "record")()
		if err != nil {
			failed.Add(1)
		}
		return err
	})
	took := time.Since(began)
	stored, err := e.stored(actor)
	if err != nil {
		return crowd{}, err
	}
	subjects := map[string]bool{}
	for _, s := range stored {
		subjects[s] = true
	}
	if len(subjects) != len(stored) {
		return crowd{}, fmt.Errorf("%d events of %s are %d in the log", len(subjects), actor, len(stored))
	}
	if acknowledged := n - int(failed.Load()); len(stored) < acknowledged {
		return crowd{}, fmt.Errorf("%d events of %s were acknowledged, and %d are stored", acknowledged, actor, len(stored))
	}
	return crowd{len(stored), took}, nil
}

// stored reads a writer's events from the API server, and gives their subjects by their numbers. Numbers that don't fit are an error.
func (e *eventWorld) stored(actor string) (map[uint64]string, error) {
	all := map[uint64]string{}
	options := metav1.ListOptions{LabelSelector: "gc/component=event", Limit: 500}
	for {
		page, err := e.cluster.Client.CoreV1().ConfigMaps(e.namespace).List(e.ctx, options)
		if err != nil {
			return nil, err
		}
		for _, m := range page.Items {
			var stored struct {
				Seq            uint64
				Actor, Subject string
			}
			if err := json.Unmarshal([]byte(m.Data["event"]), &stored); err != nil {
				return nil, fmt.Errorf("%s: %w", m.Name, err)
			}
			if m.Name != fmt.Sprintf("gc-evt-%010d", stored.Seq) {
				return nil, fmt.Errorf("%s holds event %d", m.Name, stored.Seq)
			}
			if stored.Actor == actor {
				all[stored.Seq] = stored.Subject
			}
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return all, nil
		}
	}
}

// fill stores n events under the numbers from 1, without any of the programs, and sets the counter.
func (e *eventWorld) fill(n int) error {
	maps := e.cluster.Client.CoreV1().ConfigMaps(e.namespace)
	const several = 32
	err := atOnce(several, n, func(i int) error {
		text := fmt.Sprintf(`{"seq":%d,"ts":%q,%s`, i+1, time.Now().UTC().Format(time.RFC3339Nano), event("fill", i)[1:])
		_, err := maps.Create(e.ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("gc-evt-%010d", i+1), Labels: map[string]string{
				"app.kubernetes.io/managed-by": "gascity", "gc/component": "event", "gc/type": "bead.updated", "gc/actor": "fill",
			}},
			Data: map[string]string{"event": text},
		}, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	counter, err := maps.Get(e.ctx, "gc-events-seq", metav1.GetOptions{})
	if err != nil {
		return err
	}
	counter.Data["seq"] = fmt.Sprint(n)
	_, err = maps.Update(e.ctx, counter, metav1.UpdateOptions{})
	return err
}
