package cluster_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/test/cluster"
)

func nodes(t *testing.T, c *cluster.Cluster) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	k, _ := client(t, c.Kubeconfig)
	_, err := k.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	return err
}

func TestAPIServerStopsFreezesAndComesBack(t *testing.T) {
	c := cluster.Alone(t)
	start := c.Stop(t, cluster.APIServer)
	if err := nodes(t, c); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("while it is stopped: %v", err)
	}
	start()
	if err := nodes(t, c); err != nil {
		t.Errorf("after its start: %v", err)
	}
	thaw := c.Freeze(t, cluster.APIServer)
	if err := nodes(t, c); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it is frozen: %v", err)
	}
	thaw()
	if err := nodes(t, c); err != nil {
		t.Errorf("after it was let go on: %v", err)
	}
	// All that live by it are still there, and do their work.
	web(t, c)
}

func TestPodsOutliveTheirKubelet(t *testing.T) {
	c := cluster.Alone(t)
	namespace := web(t, c)
	uptime := func() string {
		return c.Run(t, "-n", namespace, "exec", "client", "--", "stat", "-c", "%Y", "/proc/1")
	}
	before := uptime()
	start := c.Stop(t, cluster.Kubelet)
	out, err := c.Try(t, "-n", namespace, "exec", "client", "--", "true")
	if err == nil || !strings.Contains(out, "refused") {
		t.Errorf("exec without a kubelet: %v: %s", err, out)
	}
	start()
	if after := uptime(); after != before {
		t.Errorf("the container began at %s, and after the kubelet's restart at %s", before, after)
	}
}
