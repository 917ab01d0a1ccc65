package soak

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/test/cluster"
)

var long = flag.Duration("soak", 0, "run the long soak for as long (make soak)")

// plan says what a run does.
type plan struct {
	lasts     time.Duration
	killEvery time.Duration // the hub
	restarts  int           // of the API server, evenly spread
	prune     []string
	// faultless: no call may fail.
	faultless bool
}

// A hub that is killed is nobody's trouble but its own.
func TestEventsOutliveTheirHub(t *testing.T) {
	t.Parallel()
	if *long > 0 {
		t.Skip("-soak is given")
	}
	soak(t, cluster.Need(t), plan{
		lasts: 20 * time.Second, killEvery: 4 * time.Second, prune: []string{"--older-than=6s", "--keep=50"}, faultless: true,
	})
}

func TestSoak(t *testing.T) {
	if *long == 0 {
		t.Skip("it takes long: make soak")
	}
	soak(t, cluster.Alone(t), plan{
		lasts: *long, killEvery: 20 * time.Second, restarts: 2, prune: []string{"--older-than=90s", "--keep=500"},
	})
}

// settle is how long what was acknowledged may take to come after the last fault: the API server's start, the spool's delivery and a gap's patience.
const settle = time.Minute

// numberTime is how long a record keeps the number that was taken for it. No slower one, none lost.
const numberTime = 3 * time.Second

func soak(t *testing.T, c *cluster.Cluster, p plan) {
	w := newWorld(t, c)
	ws := &writers{w: w, acknowledged: map[string][]string{}}
	watcher, poller := newReader(), newReader()
	var over atomic.Bool
	stopWatch, err := watcher.watch(w.command(context.Background(), "gc-events-k8s", "watch", "0"), over.Load)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { over.Store(true); stopWatch() }()

	writing, endWriting := context.WithTimeout(t.Context(), p.lasts)
	defer endWriting()
	polling, endPolling := context.WithCancel(t.Context())
	defer endPolling()

	var wrote, faulted, polled sync.WaitGroup
	const pace = 100 * time.Millisecond
	for _, name := range []string{"plain0", "plain1", "plain2"} {
		wrote.Go(func() { ws.write(writing, name, false, pace) })
	}
	for _, name := range []string{"spool0", "spool1"} {
		wrote.Go(func() { ws.write(writing, name, true, pace) })
	}
	var asked polls
	var kills, pruned int
	var unpruned []string
	polled.Go(func() { asked = poller.poll(polling, w, 250*time.Millisecond) })
	faulted.Go(func() { kills = w.kill(writing, p.killEvery) })
	faulted.Go(func() { pruned, unpruned = w.prune(writing, p) })
	for range p.restarts {
		pause(writing, p.lasts/time.Duration(p.restarts+1))
		c.Restart(t, cluster.APIServer)
	}
	wrote.Wait()
	faulted.Wait()
	watcher.await(ws.acknowledged, settle)
	poller.await(ws.acknowledged, settle)
	endPolling()
	polled.Wait()
	over.Store(true)
	stopWatch()

	lost := int(watcher.last()) - len(watcher.seen) // from 1 on
	t.Logf("%s: %d events acknowledged, %d not; the slowest took %s; the watch showed %d, %d numbers were lost; %d polls gave %d, the slowest took %s; hub killed %d times, API server restarted %d times, pruned %d times",
		p.lasts, ws.count(), len(ws.failed), ws.slowest.Round(time.Millisecond), len(watcher.seen), lost, asked.n, len(poller.seen), asked.slowest.Round(time.Millisecond), kills, p.restarts, pruned)
	for name, r := range map[string]*reader{"the watch": watcher, "the poller": poller} {
		for _, fault := range append(r.odd, Faults(ws.acknowledged, r.seen)...) {
			t.Errorf("%s: %s", name, fault)
		}
	}
	for _, fault := range twice(w.stored()) {
		t.Errorf("stored twice: %s", fault)
	}
	for what, failed := range map[string][]string{"not acknowledged": ws.failed, "not answered": asked.failed, "not pruned": unpruned} {
		for _, f := range some(what, failed) {
			if t.Log(f); p.faultless {
				t.Fail()
			}
		}
	}
	if p.faultless && lost != 0 && ws.slowest < numberTime {
		t.Error("numbers were lost, so that readers had to wait for nothing")
	}
	if kills == 0 || pruned == 0 || len(poller.seen) == 0 {
		t.Error("it has proved nothing")
	}
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}

// kill kills the hub again and again, at whatever it is at, and tells how often.
func (w *world) kill(ctx context.Context, every time.Duration) (kills int) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return kills
		}
		if pid := w.hub(); pid != 0 && syscall.Kill(pid, syscall.SIGKILL) == nil {
			kills++
		}
	}
}

// prune deletes old events again and again, as the CronJob does, and tells how often.
func (w *world) prune(ctx context.Context, p plan) (times int, failed []string) {
	tick := time.NewTicker(p.killEvery / 2)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return times, failed
		}
		cmd := w.command(ctx, "gcctl", append([]string{"--backend=kube", "events", "prune"}, p.prune...)...)
		cmd.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], "KUBECONFIG="+w.pruner, "GC_HUB=off")
		out, err := cmd.CombinedOutput()
		switch {
		case err == nil:
			times++
		case ctx.Err() == nil: // it may well be at it when all ends
			failed = append(failed, fmt.Sprintf("%v: %s", err, out))
		}
	}
}

// stored are the events that the API server has.
func (w *world) stored() (all []Seen) {
	w.t.Helper()
	maps, err := w.cluster.Client.CoreV1().ConfigMaps(w.namespace).List(w.t.Context(), metav1.ListOptions{LabelSelector: "gc/component=event"})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range maps.Items {
		var e event
		if err := json.Unmarshal([]byte(m.Data["event"]), &e); err != nil {
			w.t.Errorf("%s: %v", m.Name, err)
		}
		all = append(all, Seen{e.Seq, e.Message})
	}
	return all
}
