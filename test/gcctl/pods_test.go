package gcctl_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/test/cluster"
)

// inPods makes pods of a namespace what this home's gcctl is about. It may do there what deploy/ allows the operator, and nothing else.
func (h *home) inPods(c *cluster.Cluster, namespace string) {
	h.t.Helper()
	h.inPodsOf(c, namespace, c.Operator(h.t, namespace))
}

// inPodsOf is inPods for somebody else.
func (h *home) inPodsOf(c *cluster.Cluster, namespace, kubeconfig string) {
	h.sets("KUBECONFIG="+kubeconfig, "GC_SESSION=exec:gc-session-k8s", "GC_K8S_NAMESPACE="+namespace,
		"GC_K8S_IMAGE="+c.Image, "GC_K8S_AGENTD_IMAGE="+c.Agentd, "GC_K8S_CPU_REQUEST=10m", "GC_K8S_MEM_REQUEST=32Mi")
}

// sets adds variables, of which later ones count.
func (h *home) sets(env ...string) { h.env = append(h.env, env...) }

func TestEverythingThatGcctlDoesItDoesWithPods(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	namespace := c.Namespace(t)
	h := newHome(t)
	h.inPods(c, namespace)
	folder := filepath.Join(h.dir, "work")
	if err := os.MkdirAll(filepath.Join(folder, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "sub", "note"), []byte("from the laptop\n"), 0o644); err != nil {
		t.Fatal(err)
	}

	if said := h.run("ls"); !strings.Contains(said.stderr, `no sessions in namespace "`+namespace+`"`) {
		t.Errorf("before there is one, the list says %q", said.stderr)
	}
	watch := h.tail("ls", "-w", "-o", "name")
	h.start("bare", "exec bash --norc")
	h.ok("start", "-q", "-C", folder, "-e", "GREETING=hello", "full", "--", "PS1='% ' exec bash --norc")
	if list := h.ok("ls", "-o", "name"); list != "bare\nfull\n" {
		t.Errorf("the list is %q", list)
	}
	if came := watch.line() + " " + watch.line(); came != "bare full" {
		t.Errorf("ls -w tells of %q", came)
	}
	if status := watch.interrupt(); status != 130 {
		t.Errorf("Ctrl-C ends ls -w with status %d", status)
	}
	pods := strings.Fields(c.Run(t, "-n", namespace, "get", "pods", "-l", "app=gc-agent", "-o", "jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName} {end}"))
	wide := h.ok("ls", "-o", "wide")
	if len(pods) != 4 {
		t.Fatalf("there are pods %q", pods)
	}
	for _, word := range append(pods, "POD", "NODE", "/workspace") {
		if !strings.Contains(wide, word) {
			t.Errorf("ls -o wide doesn't tell of %q:\n%s", word, wide)
		}
	}

	h.ok("nudge", "full", "cat sub/note; echo $GREETING-$PWD")
	h.until("the nudge is answered", func() bool {
		return strings.Contains(h.ok("peek", "full"), "from the laptop\nhello-/workspace")
	})
	h.ok("nudge", "bare", "ls -A | wc -l")
	h.until("nothing was copied", func() bool { return strings.Contains(h.ok("peek", "bare"), "\n0\n") })
	h.ok("keys", "bare", "e", "c", "h", "o", "Space", "k", "Enter")
	h.until("keys are typed", func() bool { return strings.Contains(h.ok("peek", "bare"), "\nk\n") })
	h.ok("nudge", "bare", "sleep 1000")
	h.ok("interrupt", "bare")
	h.ok("nudge", "bare", "echo inter''rupted")
	h.until("the sleep was interrupted", func() bool { return strings.Contains(h.ok("peek", "bare"), "\ninterrupted\n") })
	h.until("it is logged", func() bool { return strings.Contains(h.ok("logs", "bare"), "interrupted\n") })

	h.ok("meta", "set", "bare", "ticket", "4711")
	if got := h.ok("meta", "get", "bare", "ticket"); got != "4711\n" {
		t.Errorf("the ticket is %q", got)
	}
	h.ok("cp", filepath.Join(folder, "sub"), "bare:copied")
	if got := h.ok("cp", "bare:copied/note", "-"); got != "from the laptop\n" {
		t.Errorf("what was copied came back as %q", got)
	}
	if got := h.run("peek", "bore"); got.status != 1 || !strings.Contains(got.stderr, `no session "bore"`) || !strings.Contains(got.stderr, `did you mean "bare"?`) {
		t.Errorf("a wrong name: %+v", got)
	}
	h.ok("keys", "full", "C-d")
	h.until("its agent has ended", func() bool { return h.session("full").State == wire.StateExited })
	if log := h.ok("logs", "full"); !strings.Contains(log, "hello-/workspace\n") {
		t.Errorf("the log that it left is %q", log)
	}
	h.ok("stop", "bare")
	if left := c.Run(t, "-n", namespace, "get", "pods", "-o", "name"); strings.Contains(left, "bare") {
		t.Errorf("after the stop there is %s", left)
	}
}

func TestFlagsSayWhichPodsAreMeant(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	one, two := c.Namespace(t), c.Namespace(t)
	h := newHome(t)
	h.inPodsOf(c, one, c.Kubeconfig) // no role is for more than a namespace
	h.start("here", "cat")
	h.ok("-n", two, "start", "-q", "there", "--image", c.Image, "--", "cat")
	t.Cleanup(func() { h.run("-n", two, "hub", "stop") })
	if list := h.ok("ls", "-n", two, "-o", "name"); list != "there\n" {
		t.Errorf("the other namespace has %q", list)
	}
	if got := h.ok("__complete", "-n", two, "attach", ""); !strings.HasPrefix(got, "there\t") {
		t.Errorf("completed with %q", got)
	}
	if got := h.ok("__complete", "attach", ""); !strings.HasPrefix(got, "here\t") {
		t.Errorf("completed with %q", got)
	}
	if got := h.run("-n", two, "peek", "their"); !strings.Contains(got.stderr, `did you mean "there"?`) {
		t.Errorf("a wrong name in the other namespace: %+v", got)
	}
	if got := h.run("-n", two, "start", "there", "--", "cat"); got.status != 1 || !strings.Contains(got.stderr, "gcctl -n "+two+" attach there shows it") {
		t.Errorf("started twice: %+v", got)
	}
	if got := h.run("-n", one+"-not", "start", "-q", "nowhere", "--", "cat"); got.status != 1 || !strings.Contains(got.stderr, "there is no namespace") {
		t.Errorf("started in no namespace: %+v", got)
	}
	h.run("-n", one+"-not", "hub", "stop")
}

func TestKubectlFindsItsPluginAndHowItsArgumentsGoOn(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	namespace := c.Namespace(t)
	h := newHome(t)
	h.inPods(c, namespace)
	h.start("s", "cat")
	for _, name := range []string{"kubectl-gc", "kubectl_complete-gc"} {
		if err := os.Symlink(filepath.Join(programs, "gcctl"), filepath.Join(h.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	h.sets("PATH="+h.dir+":"+os.Getenv("PATH"), "GC_SESSION=", "GC_K8S_NAMESPACE=")
	t.Cleanup(func() { h.sets("GC_SESSION=exec:gc-session-k8s", "GC_K8S_NAMESPACE="+namespace) }) // for those who clean up
	for _, args := range [][]string{{"gc", "-n", namespace, "ls", "--no-headers"}, {"__complete", "gc", "-n", namespace, "attach", ""}} {
		kubectl := exec.CommandContext(t.Context(), c.Kubectl, args...)
		kubectl.Env, kubectl.Dir = h.env, h.dir
		if out, err := kubectl.Output(); err != nil || !regexp.MustCompile(`^s\s+running`).Match(out) {
			t.Errorf("kubectl %q: %v, %q", args, err, out)
		}
	}
}

func TestAttachToAPod(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	for name, hub := range map[string]string{"through the hub": "", "without a hub": "off"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := c.Namespace(t)
			h := newHome(t)
			h.inPods(c, namespace)
			h.sets("GC_HUB=" + hub)
			h.start("s", "exec bash --norc")
			p := h.attached(91, 27, "s")
			p.sees(0, "$ ")
			p.types("echo $((6*7))x$(tput cols)x$(tput lines)\r")
			p.sees(0, "42x91x27")
			p.types("\r~.")
			if status := p.leaves(); status != 0 || !strings.Contains(p.seen(), `left session "s", which runs on`) {
				t.Errorf("status %d, %q", status, p.seen())
			}
			if got := h.session("s"); got.State != wire.StateRunning {
				t.Errorf("leaving changed the session: %s", got.State)
			}
		})
	}
}
