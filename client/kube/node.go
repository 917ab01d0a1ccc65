package kube

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/agentd/wire"
)

// otherTime bounds the question whether the API server answers other requests.
const otherTime = 2 * time.Second

// nodeFault names a pod's node where that is why a request failed that goes through it. A node that refuses the API server names itself. One that was lost is either
// unknown to it by now, which it says as if a pod of the node's name were missing; or it waits for the node in vain, and answers other requests meanwhile.
func (b *Backend) nodeFault(ctx context.Context, name string, err error) error {
	pod, _ := b.pods.get(name)
	if pod == nil || pod.Spec.NodeName == "" {
		return err
	}
	node := pod.Spec.NodeName
	if apierrors.IsNotFound(err) && strings.Contains(err.Error(), fmt.Sprintf("%q not found", node)) {
		return wire.Errorf(wire.CodeUnavailable, "the pod's node %q is not in the cluster any more", node)
	}
	if !timedOut(err) {
		return err
	}
	other, cancel := context.WithTimeout(ctx, otherTime)
	defer cancel()
	if _, silent := b.client.core.Pods(b.target.Namespace).Get(other, name, metav1.GetOptions{}); silent != nil {
		return err
	}
	return wire.Errorf(wire.CodeUnavailable, "the pod's node %q does not answer", node)
}

// sparing is ctx that ends sooner, to leave time for what is asked after a failure: who waits is not to wait longer for the reason.
func sparing(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(most, time.Until(deadline)/4)))
}

// timedOut says whether nobody answered in time.
func timedOut(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}
