package kube

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// eventCounter is the ConfigMap with the last number of the event log.
	eventCounter = "gc-events-seq"
	// eventPruner is the CronJob of deploy/ that deletes old events.
	eventPruner = "gc-events-prune"
)

// LastEvent looks at the event log's counter, and gives the last number that it gave out: empty where there is no counter yet.
func (b *Backend) LastEvent(ctx context.Context) (string, error) {
	counter, err := b.client.core.ConfigMaps(b.target.Namespace).Get(ctx, eventCounter, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", b.explainEvents("read the event log's counter", err)
	}
	return counter.Data["seq"], nil
}

// EventPruner is what is known of the CronJob that deletes old events.
type EventPruner struct {
	// Image is its container's.
	Image string
	// Suspended says that it does not run.
	Suspended bool
	// Scheduled is when it was to run last, and Succeeded when a run came right; zero when never.
	Scheduled, Succeeded time.Time
}

// EventPruner looks at the CronJob that deletes old events: nil where the namespace has none. Few may look at CronJobs: the error then is the API server's own.
func (b *Backend) EventPruner(ctx context.Context) (*EventPruner, error) {
	job, err := b.client.batch.CronJobs(b.target.Namespace).Get(ctx, eventPruner, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case apierrors.IsForbidden(err):
		return nil, err
	case err != nil:
		return nil, b.explain("look for CronJob "+eventPruner, err)
	}
	p := &EventPruner{Suspended: job.Spec.Suspend != nil && *job.Spec.Suspend}
	for _, c := range job.Spec.JobTemplate.Spec.Template.Spec.Containers {
		p.Image = c.Image
	}
	if at := job.Status.LastScheduleTime; at != nil {
		p.Scheduled = at.Time
	}
	if at := job.Status.LastSuccessfulTime; at != nil {
		p.Succeeded = at.Time
	}
	return p, nil
}
