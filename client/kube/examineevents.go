package kube

import (
	"context"

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

// EventPruner tells whether the namespace has the CronJob that deletes old events. Few may look at CronJobs: the error then is the API server's own.
func (b *Backend) EventPruner(ctx context.Context) (bool, error) {
	_, err := b.client.batch.CronJobs(b.target.Namespace).Get(ctx, eventPruner, metav1.GetOptions{})
	switch {
	case err == nil:
		return true, nil
	case apierrors.IsNotFound(err):
		return false, nil
	case apierrors.IsForbidden(err):
		return false, err
	}
	return false, b.explain("look for CronJob "+eventPruner, err)
}
