package contract_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gascity/agentd/test/cluster"
)

// pods is a namespace of a cluster that the sessions of one gc run in.
type pods struct {
	cluster   *cluster.Cluster
	namespace string
}

// everywhere runs a test with sessions on this machine, and with sessions in pods.
func everywhere(t *testing.T, test func(t *testing.T, g *gc)) {
	t.Parallel()
	t.Run("on this machine", func(t *testing.T) {
		t.Parallel()
		test(t, newGC(t))
	})
	t.Run("in pods", func(t *testing.T) {
		t.Parallel()
		test(t, newPods(t))
	})
}

// newPods makes a gc whose sessions run in a namespace of their own. It may do there what deploy/ allows the operator, and nothing else.
func newPods(t *testing.T) *gc {
	t.Helper()
	return podsOf(t, cluster.Need(t))
}

func podsOf(t *testing.T, c *cluster.Cluster) *gc {
	t.Helper()
	p := &pods{cluster: c, namespace: c.Namespace(t)}
	g := newGC(t)
	g.front, g.pods = "gc-session-k8s", p
	g.env = append(g.env, "KUBECONFIG="+c.Operator(t, p.namespace), "GC_K8S_NAMESPACE="+p.namespace, "GC_K8S_IMAGE="+c.Image,
		// Tests need little, and many run at once.
		"GC_K8S_CPU_REQUEST=1m", "GC_K8S_MEM_REQUEST=8Mi", "GC_K8S_MEM_LIMIT=1Gi")
	return g
}

// kubectl runs kubectl in the namespace and gives its output.
func (g *gc) kubectl(args ...string) string {
	g.t.Helper()
	out, err := g.tryKubectl("", args...)
	if err != nil {
		g.t.Fatalf("kubectl %q: %v: %s", args, err, out)
	}
	return out
}

func (g *gc) tryKubectl(stdin string, args ...string) (string, error) {
	cmd := exec.Command(g.pods.cluster.Kubectl, append([]string{"--kubeconfig", g.pods.cluster.Kubeconfig, "-n", g.pods.namespace}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// pod is the name of a session's pod.
func (g *gc) pod(name string) string {
	g.t.Helper()
	for line := range strings.Lines(g.kubectl("get", "pods", "-l", "app=gc-agent", "-o", `jsonpath={range .items[*]}{.metadata.name} {.metadata.annotations.gc-session-name}{"\n"}{end}`)) {
		if pod, session, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); session == name {
			return pod
		}
	}
	g.t.Fatalf("session %q has no pod", name)
	return ""
}

// inPod runs a command beside the agent and gives its output.
func (g *gc) inPod(name string, command ...string) string {
	g.t.Helper()
	return g.kubectl(append([]string{"exec", g.pod(name), "-c", "agent", "--"}, command...)...)
}

// inWork reads a file of a session's work dir, "" when it isn't there.
func (g *gc) inWork(name string, elements ...string) string {
	g.t.Helper()
	if g.pods == nil {
		return g.file(append([]string{"work"}, elements...)...)
	}
	return g.run("", "copy-from", name, strings.Join(elements, "/")).stdout
}

// isInWork says whether a session's work dir has such a file.
func (g *gc) isInWork(name string, elements ...string) bool {
	g.t.Helper()
	if g.pods == nil {
		_, err := os.Stat(g.path(append([]string{"work"}, elements...)...))
		return err == nil
	}
	return g.run("", "copy-from", name, strings.Join(elements, "/")).status == 0
}
