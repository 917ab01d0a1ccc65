package deploy_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/gascity/agentd/test/binaries"
	"github.com/gascity/agentd/test/cluster"
)

// caller is a pod that calls others, and answers at the given ports itself.
const caller = `
apiVersion: v1
kind: Pod
metadata: {name: %[1]s, labels: {app: %[1]s}}
spec:
  terminationGracePeriodSeconds: 0
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: caller
    image: %[2]s
    command: [sh, -c, "for port in %[3]s; do httpd -p $port -h /etc; done; exec sleep infinity"]
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
---
`

// network is a namespace in which pods call each other.
type network struct {
	t  *testing.T
	c  *cluster.Cluster
	ns string
}

// lets says whether a pod can connect to another's port.
func (n *network) lets(from, to string, port int) bool {
	n.t.Helper()
	pod, err := n.c.Client.CoreV1().Pods(n.ns).Get(n.t.Context(), to, metav1.GetOptions{})
	if err != nil {
		n.t.Fatal(err)
	}
	if pod.Status.PodIP == "" {
		n.t.Fatalf("pod %s has no address", to)
	}
	connect := fmt.Sprintf("if [ -x /bin/bash ]; then exec timeout 2 bash -c '</dev/tcp/%[1]s/%[2]d'; else exec nc -w 2 %[1]s %[2]d </dev/null; fi", pod.Status.PodIP, port)
	out, err := n.c.Try(n.t, "-n", n.ns, "exec", from, "--", "sh", "-c", connect)
	if err != nil && !strings.Contains(out, "command terminated") {
		n.t.Fatalf("%s calls %s: %v: %s", from, to, err, out)
	}
	return err == nil
}

// pod is the name of a session's pod.
func (n *network) pod(session string) string {
	n.t.Helper()
	return n.c.Run(n.t, "-n", n.ns, "get", "pods", "-l", "app=gc-agent,gc-session="+session, "-o", "jsonpath={.items[*].metadata.name}")
}

// comes waits until a policy that was just applied is in force.
func (n *network) comes(lets bool, from, to string, port int) bool {
	n.t.Helper()
	return nil == wait.PollUntilContextTimeout(n.t.Context(), 200*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		return n.lets(from, to, port) == lets, nil
	})
}

// agents gives a function that calls gc-session-k8s in the namespace, with folders of its own.
func (n *network) agents() func(input string, args ...string) string {
	n.t.Helper()
	home, bin := n.t.TempDir(), n.t.TempDir()
	if err := binaries.Build(bin); err != nil {
		n.t.Fatal(err)
	}
	runtime, err := os.MkdirTemp("/tmp", "policy") // a short path: the hub's socket lies in it
	if err != nil {
		n.t.Fatal(err)
	}
	call := func(ctx context.Context, input, program string, args ...string) string {
		n.t.Helper()
		cmd := exec.CommandContext(ctx, filepath.Join(bin, program), args...)
		cmd.Env = []string{
			"HOME=" + home, "XDG_RUNTIME_DIR=" + runtime, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "GC_SESSION=exec:gc-session-k8s",
			"KUBECONFIG=" + n.c.Kubeconfig, "GC_K8S_NAMESPACE=" + n.ns, "GC_K8S_IMAGE=" + n.c.Image,
		}
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.CombinedOutput()
		if err != nil {
			n.t.Errorf("%s %s: %v: %s", program, strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	n.t.Cleanup(func() {
		call(context.Background(), "", "gcctl", "hub", "stop")
		_ = os.RemoveAll(runtime)
	})
	return func(input string, args ...string) string {
		n.t.Helper()
		return call(n.t.Context(), input, "gc-session-k8s", args...)
	}
}

func TestPoliciesLetInWhoTheyNameAndNobodyElse(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	n := &network{t, c, c.Namespace(t)}
	gc := n.agents()
	const health, doltPort, otherPort = 7879, 3307, 8080
	var pods strings.Builder
	for _, name := range []string{"dolt", "stranger", "agentd-check", "gc-controller"} {
		fmt.Fprintf(&pods, caller, name, c.Busybox, fmt.Sprint(doltPort, " ", otherPort))
	}
	c.RunWith(t, pods.String(), "-n", n.ns, "apply", "-f", "-")
	gc(`{"command": "cat"}`, "start", "before")
	before := n.pod("before")
	c.Run(t, "-n", n.ns, "wait", "--for=condition=Ready", "pods", "--all", "--timeout=90s")
	if !n.lets("stranger", before, health) || !n.lets("stranger", "dolt", doltPort) {
		t.Fatal("without a policy nobody can be called: what follows would prove nothing")
	}

	apply(t, c, kustomization(t, ".", n.ns, "replicas: [{name: dolt, count: 0}]"))
	if !n.comes(false, "stranger", before, health) {
		if os.Getenv("E2E_KUBECONFIG") != "" {
			t.Skip("the network of E2E_KUBECONFIG's cluster enforces no policies")
		}
		t.Fatal("an agent's pod can be called")
	}
	if !n.comes(false, "stranger", "dolt", doltPort) {
		t.Error("everyone may call Dolt")
	}
	// An agent that starts now: the node's probes make it ready, and it is reached by port-forward.
	gc(`{"command": "cat"}`, "start", "after")
	after := n.pod("after")
	c.Run(t, "-n", n.ns, "wait", "--for=condition=Ready", "pod/"+after, "--timeout=30s")
	for _, app := range []string{"agentd-check", "gc-controller", after} {
		if !n.comes(true, app, "dolt", doltPort) {
			t.Errorf("%s can't call Dolt", app)
		}
		if n.lets(app, "dolt", otherPort) {
			t.Errorf("%s may call Dolt's pod at port %d", app, otherPort)
		}
		if n.lets(app, before, health) {
			t.Errorf("%s may call an agent's pod", app)
		}
	}
	for _, session := range []string{"before", "after"} {
		if got := gc("", "is-running", session); got != "true" {
			t.Errorf("is-running %s: %s", session, got)
		}
		gc("", "stop", session)
	}
}
