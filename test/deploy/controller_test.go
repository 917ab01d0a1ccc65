package deploy_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/test/binaries"
	"github.com/gascity/agentd/test/cluster"
	"github.com/gascity/agentd/test/cluster/archive"
)

// The controller's image is its user's, so here it is one without gc: what gc would run is run in its place.
func TestControllerInTheClusterRunsAgents(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	_, err := c.Client.CoreV1().Secrets(ns).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "dolt"}, Data: map[string][]byte{"password": []byte("of Dolt")},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	programs := t.TempDir()
	if err := binaries.Build(programs); err != nil {
		t.Fatal(err)
	}
	image := c.Derive(t, archive.With(filepath.Join(programs, "gcctl"), filepath.Join(programs, "gc-session-k8s"), filepath.Join(programs, "gc-events-k8s")))
	repository, tag, _ := strings.Cut(image, ":")
	apply(t, c, kustomization(t, "overlays/controller", ns, fmt.Sprintf(`
replicas: [{name: dolt, count: 0}]
images: [{name: gc-controller, newName: %s, newTag: %q}]
configMapGenerator: [{name: gc-controller, behavior: merge, literals: [%q]}]
`, repository, tag, "GC_K8S_IMAGE="+c.Image)))
	c.Run(t, "-n", ns, "rollout", "status", "statefulset/gc-controller", "--timeout=2m")

	// gc is found in its environment, and gc-session-k8s where GC_SESSION says.
	gc := func(command string) string {
		return strings.TrimSpace(c.Run(t, "-n", ns, "exec", "gc-controller-0", "--", "sh", "-euc", command))
	}
	if got := gc(`echo "$GC_DOLT_HOST:$GC_DOLT_PORT $GC_DOLT_PASSWORD"`); got != "dolt:3307 of Dolt" {
		t.Errorf("Dolt is at %q", got)
	}
	gc(`echo '{"command": "echo \\"$GC_DOLT_HOST $GC_DOLT_PASSWORD\\"; exec cat", "env": {"GC_DOLT_HOST": "dolt", "GC_DOLT_PORT": "3307", "GC_DOLT_PASSWORD": "of Dolt"}}' | ${GC_SESSION#exec:} start worker`)
	if got := gc(`${GC_SESSION#exec:} is-running worker`); got != "true" {
		t.Errorf("is-running: %q", got)
	}
	if got := gc(`${GC_SESSION#exec:} peek worker 5`); !strings.Contains(got, "dolt of Dolt") {
		t.Errorf("the agent shows %q", got)
	}
	if got := gc(`${GC_SESSION#exec:} list-running ""`); got != "worker" {
		t.Errorf("list-running: %q", got)
	}
	gc(`echo '{"type":"test","actor":"gc"}' | ${GC_EVENTS#exec:} record`)
	if got := gc(`${GC_EVENTS#exec:} latest-seq`); got != "1" {
		t.Errorf("latest-seq: %q", got)
	}
	gc(`${GC_SESSION#exec:} stop worker`)
	if got := gc(`${GC_SESSION#exec:} is-running worker`); got != "false" {
		t.Errorf("is-running after stop: %q", got)
	}
}
