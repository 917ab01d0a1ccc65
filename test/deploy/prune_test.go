package deploy_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/test/cluster"
	"github.com/gascity/agentd/test/eventscript"
)

// record stores events by the script, with all rights.
func record(t *testing.T, c *cluster.Cluster, ns string, n int) {
	t.Helper()
	script, err := eventscript.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(stdin string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), script, args...)
		cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig, "KUBECTL="+c.Kubectl, "GC_K8S_NAMESPACE="+ns)
		cmd.Stdin = strings.NewReader(stdin)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	ask("", "ensure-running")
	for i := range n {
		ask(fmt.Sprintf(`{"type":"test","actor":"test","message":"%d"}`, i), "record")
	}
}

// stored are the names of the events in a namespace.
func stored(t *testing.T, c *cluster.Cluster, ns string) []string {
	t.Helper()
	return strings.Fields(c.Run(t, "-n", ns, "get", "configmaps", "-l", "gc/component=event", "-o", "jsonpath={.items[*].metadata.name}"))
}

func TestOldEventsArePrunedInTheCluster(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	repository, tag, _ := strings.Cut(c.Gcctl, ":")
	// No event of a test is a day old, and on an idle machine not even a second.
	apply(t, c, kustomization(t, ".", ns, fmt.Sprintf(`
replicas: [{name: dolt, count: 0}]
images: [{name: localhost/gcctl, newName: %s, newTag: %q}]
patches:
- target: {kind: CronJob, name: gc-events-prune}
  patch: |
    - {op: replace, path: /spec/jobTemplate/spec/template/spec/containers/0/command/4, value: --older-than=0s}
    - {op: replace, path: /spec/jobTemplate/spec/template/spec/containers/0/command/5, value: --keep=2}
`, repository, tag)))
	record(t, c, ns, 5)
	job := func(name string) {
		t.Helper()
		c.Run(t, "-n", ns, "create", "job", "--from=cronjob/gc-events-prune", name)
		if out, err := c.Try(t, "-n", ns, "wait", "--for=condition=Complete", "job/"+name, "--timeout=90s"); err != nil {
			logs, _ := c.Try(t, "-n", ns, "logs", "-l", "app=gc-events-prune", "--tail=20")
			t.Fatalf("%v: %s\n%s", err, out, logs)
		}
		// At once: of jobs that have ended the CronJob keeps the last one.
		pods, err := c.Client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{LabelSelector: "app=gc-events-prune,job-name=" + name})
		if err != nil || len(pods.Items) != 1 {
			t.Errorf("%d pods of the job %s have run (%v), want one", len(pods.Items), name, err)
		}
	}
	job("first")
	if got := strings.Join(stored(t, c, ns), " "); got != "gc-evt-0000000004 gc-evt-0000000005" {
		t.Errorf("left: %q", got)
	}
	job("again") // there is nothing to delete
	counter, err := c.Client.CoreV1().ConfigMaps(ns).Get(t.Context(), "gc-events-seq", metav1.GetOptions{})
	if err != nil || counter.Data["seq"] != "5" {
		t.Errorf("the counter is %v (%v), want 5", counter.Data, err)
	}
}
