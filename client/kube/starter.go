package kube

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/gascity/agentd/client/hub"
)

const (
	// beat is how often a start that is under way says so on its pod.
	beat = 2 * time.Second
	// silence is how long a start may say nothing before it counts as cut off: a few beats, since the API server may be slow.
	silence = 8 * time.Second
)

// starter is what was seen of the start of a pod that another process makes.
type starter struct {
	said string    // the annotation as seen last
	at   time.Time // when it was first seen so, by this process: clocks of others aren't compared
}

// silent says whether nothing has been seen of the start of an unlaunched pod for too long.
func (e *endpoint) silent(pod *corev1.Pod) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	said := pod.Annotations[annotationStarter]
	if e.starter.at.IsZero() || e.starter.said != said {
		e.starter = starter{said, time.Now()}
	}
	return time.Since(e.starter.at) >= silence
}

// abandoned asks the API server whether a silent start was cut off: it may be the watch that has heard nothing. While the API server doesn't answer, whoever
// starts the pod can't say anything either, and gets time to do so afterwards.
func (e *endpoint) abandoned(ctx context.Context) (hub.Condition, error) {
	pod, err := e.read(ctx)
	switch {
	case err != nil:
		e.mu.Lock()
		e.starter.at = time.Now()
		e.mu.Unlock()
		return 0, err
	case pod == nil:
		return hub.Gone, nil
	case pod.Annotations[annotationLaunched] != "":
		return hub.Reachable, nil
	case e.silent(pod):
		return hub.HalfMade, nil
	default:
		return hub.Making, nil
	}
}

// isMaker says whether this process makes the session just now.
func (e *endpoint) isMaker() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.beating != nil
}

// beMaker says on the pod, until endMaking, that its start goes on.
func (e *endpoint) beMaker() {
	ctx, cancel := context.WithCancel(e.backend.ctx)
	var beating sync.WaitGroup
	e.mu.Lock()
	e.beating = func() {
		cancel()
		beating.Wait()
	}
	e.mu.Unlock()
	beating.Go(func() { e.keepBeating(ctx) })
}

func (e *endpoint) keepBeating(ctx context.Context) {
	id := rand.Text()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		// One that fails is made up for by the next, and one that hangs must not keep the next from coming.
		call, cancel := context.WithTimeout(ctx, beat)
		_ = e.annotate(call, map[string]*string{annotationStarter: new(fmt.Sprintf("%s %d", id, n))})
		cancel()
	}
}

// endMaking ends what beMaker began.
func (e *endpoint) endMaking() {
	e.mu.Lock()
	end := e.beating
	e.beating = nil
	e.mu.Unlock()
	if end != nil {
		end()
	}
}
