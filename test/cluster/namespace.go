package cluster

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

var noLabel = regexp.MustCompile(`[^a-z0-9]+`)

// Namespace makes a namespace for the test, which pods enter under restricted pod security only. It is deleted at the test's end; when the test
// has failed, what was in it is logged first.
func (c *Cluster) Namespace(t testing.TB) string {
	t.Helper()
	name := noLabel.ReplaceAllString(strings.ToLower(t.Name()), "-")
	ns, err := c.Client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "test-" + strings.Trim(name[:min(len(name), 40)], "-") + "-",
		Labels:       map[string]string{"pod-security.kubernetes.io/enforce": "restricted", "app.kubernetes.io/part-of": "agentd-test"},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("create a namespace: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("namespace %s:\n%s", ns.Name, c.describe(ns.Name))
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Client.CoreV1().Namespaces().Delete(ctx, ns.Name, metav1.DeleteOptions{}); err != nil {
			t.Errorf("delete namespace %s: %v", ns.Name, err)
		}
	})
	// Without its service account no pod is let in. When the API server was away a moment ago, its controllers may come back only after a pause of up to a minute.
	err = wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := c.Client.CoreV1().ServiceAccounts(ns.Name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, nil
	})
	if err != nil {
		t.Fatalf("wait for the service account of namespace %s: %v", ns.Name, err)
	}
	return ns.Name
}

func (c *Cluster) describe(namespace string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var all strings.Builder
	for _, args := range [][]string{{"get", "pods,services,persistentvolumeclaims", "-o", "wide"}, {"get", "events", "--sort-by=.lastTimestamp"}} {
		cmd := c.command(ctx, append([]string{"-n", namespace}, args...)...)
		out, err := cmd.CombinedOutput()
		all.Write(out)
		if err != nil {
			all.WriteString(err.Error() + "\n")
		}
	}
	return all.String()
}
