package gcctl_test

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/client/doctor"
	"github.com/gascity/agentd/test/cluster"
)

// examined is what gcctl doctor finds.
type examined struct {
	t *testing.T
	doctor.Report
}

func (h *home) examine(args ...string) examined {
	h.t.Helper()
	r := h.run(append([]string{"doctor", "-o", "json"}, args...)...)
	e := examined{t: h.t}
	if err := json.Unmarshal([]byte(r.stdout), &e.Report); err != nil {
		h.t.Fatalf("doctor said %q, %q: %v", r.stdout, r.stderr, err)
	}
	if want := 0; e.OK != (r.status == want) || r.stderr != "" {
		h.t.Errorf("status %d with %+v, %q", r.status, e.Report, r.stderr)
	}
	return e
}

// has demands findings of a status with a text, and a hint where hint isn't empty.
func (e examined) has(status doctor.Status, text, hint string) {
	e.t.Helper()
	for _, f := range e.Findings {
		if f.Status == status && strings.Contains(f.Text, text) && strings.Contains(f.Hint, hint) {
			return
		}
	}
	e.t.Errorf("doctor does not find %q %q, %q in %+v", status, text, hint, e.Findings)
}

// troubles counts what is not well.
func (e examined) troubles(failed, warnings int) {
	e.t.Helper()
	if e.Failed != failed || e.Warnings != warnings {
		e.t.Errorf("%d failures and %d warnings, want %d and %d: %+v", e.Failed, e.Warnings, failed, warnings, e.Findings)
	}
}

// server runs a pod that answers connections to a port of a Service.
func server(t *testing.T, c *cluster.Cluster, namespace, name string, port int32) {
	t.Helper()
	pod := quiet(c, name, map[string]string{"serves": name}, "httpd", "-f", "-p", "3307")
	if _, err := c.Client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Client.CoreV1().Services(namespace).Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"serves": name}, Ports: []corev1.ServicePort{{Port: port}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.Run(t, "-n", namespace, "wait", "--for=condition=Ready", "pod/"+name, "--timeout=60s")
}

// quiet is a pod that may run anywhere.
func quiet(c *cluster.Cluster, name string, labels map[string]string, command ...string) *corev1.Pod {
	yes, no, uid, none := true, false, int64(1000), int64(0)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &none,
			SecurityContext:               &corev1.PodSecurityContext{RunAsNonRoot: &yes, RunAsUser: &uid, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{
				Name: "agent", Image: c.Busybox, ImagePullPolicy: corev1.PullIfNotPresent, Command: command,
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
			}},
		},
	}
}

func TestDoctorFindsAHealthyClusterHealthy(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	namespace := c.Namespace(t)
	h := newHome(t)
	h.inPods(c, namespace)
	server(t, c, namespace, "dolt", 3307)
	h.sets("GC_K8S_DOLT_HOST=dolt." + namespace + ".svc.cluster.local")

	e := h.examine()
	e.troubles(0, 0)
	e.has(doctor.OK, "it answers in ", "")
	e.has(doctor.OK, "Kubernetes v1.", "")
	e.has(doctor.OK, "the API server's clock agrees", "")
	e.has(doctor.OK, "itself, which is no hindrance", "") // of a namespace that an operator may not look at
	e.has(doctor.OK, "there are no keys for agents yet", "")
	e.has(doctor.OK, "you may get and create pods/portforward", "")
	e.has(doctor.OK, "an agent's pod would be admitted", "")
	e.has(doctor.OK, "has agentd ", "")
	e.has(doctor.OK, "has tmux ", "")
	e.has(doctor.OK, "a node's clock agrees", "")
	e.has(doctor.OK, "pods reach Dolt at dolt."+namespace, "")
	if left := c.Run(t, "-n", namespace, "get", "pods", "-l", "app=agentd-check", "-o", "name"); left != "" {
		t.Errorf("it left %s", left)
	}
	administrator := newHome(t)
	administrator.inPodsOf(c, namespace, c.Kubeconfig)
	administrator.examine("--no-pods").has(doctor.OK, `enforces the pod security standard "restricted"`, "")

	// With sessions: each is asked. Those of the script are named, and two cities are.
	h.start("s", "cat")
	h.ok("start", "-q", "--city", "/x", "t", "--", "cat")
	h.ok("start", "-q", "--city", "/y", "u", "--", "cat")
	foreign := quiet(c, "by-hand", map[string]string{"app": "gc-agent", "gc-session": "old"}, "sleep", "1000")
	foreign.Annotations = map[string]string{"gc-session-name": "old"}
	if _, err := c.Client.CoreV1().Pods(namespace).Create(t.Context(), foreign, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c.Run(t, "-n", namespace, "wait", "--for=condition=Ready", "pod/by-hand", "--timeout=60s")
	e = h.examine("--no-pods")
	e.troubles(0, 2)
	e.has(doctor.OK, "there are keys for agents", "")
	e.has(doctor.OK, "4 sessions live", "")
	for _, name := range []string{"s", "t", "u"} {
		e.has(doctor.OK, `"`+name+`" answers in `, "")
	}
	e.has(doctor.Warning, `pod "by-hand" was not made by this program`, "stopped")
	e.has(doctor.Warning, "sessions of 2 cities: /x, /y", "namespace of its own")
}

func TestDoctorNamesWhatIsWrongWithAClusterAndWhatToDo(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	namespace := c.Namespace(t)
	operator := c.Operator(t, namespace)

	t.Run("no namespace", func(t *testing.T) {
		t.Parallel()
		h := newHome(t)
		h.inPodsOf(c, namespace+"-not", c.Kubeconfig) // who has just a role is not told that
		e := h.examine()
		e.troubles(1, 0)
		e.has(doctor.Failed, `there is no namespace "`+namespace+`-not"`, "create namespace")
		e.has(doctor.Skipped, "it needs the namespace", "")
	})
	t.Run("no permissions", func(t *testing.T) {
		t.Parallel()
		h := newHome(t)
		h.inPodsOf(c, namespace, c.As(t, namespace, "default"))
		e := h.examine()
		e.has(doctor.OK, "you may not look at namespace", "")
		e.has(doctor.Failed, "you may not get, list, watch, create, patch and delete pods, which is needed to start", "agentd-operator")
		e.has(doctor.Failed, "you may not get and create pods/portforward", "agentd-operator")
		e.has(doctor.Failed, "you may not get secrets/agentd-keys", "agentd-operator")
		e.has(doctor.Warning, "you may not get pods/log", "agentd-operator")
		e.has(doctor.Warning, "you may not list events", "agentd-operator")
		e.has(doctor.Skipped, "not checked: it needs whether a pod is admitted", "")
	})
	t.Run("no settings", func(t *testing.T) {
		t.Parallel()
		h := newHome(t)
		h.inPodsOf(c, namespace, operator)
		h.sets("GC_K8S_IMAGE=")
		e := h.examine()
		e.troubles(1, 0)
		e.has(doctor.Failed, "GC_K8S_IMAGE is not set", "variables GC_K8S_*")
	})
	t.Run("images that don't do", func(t *testing.T) {
		t.Parallel()
		h := newHome(t)
		h.inPodsOf(c, namespace, operator)
		h.sets("GC_K8S_AGENTD_IMAGE=")
		e := h.examine("--image", c.Busybox)
		e.troubles(2, 0)
		e.has(doctor.Failed, `image "`+c.Busybox+`" has no agentd: set GC_K8S_AGENTD_IMAGE`, "")
		e.has(doctor.Failed, "has no tmux", "install it")
	})
	t.Run("no such image", func(t *testing.T) {
		t.Parallel()
		h := newHome(t)
		h.inPodsOf(c, namespace, operator)
		h.sets("GC_K8S_IMAGE_PULL_POLICY=Never")
		e := h.examine("--image", "localhost/nowhere:1")
		e.troubles(1, 1)
		e.has(doctor.Failed, "localhost/nowhere:1", "")
		e.has(doctor.Warning, "pods don't reach Dolt at dolt.gc.svc.cluster.local:3307", "agents that need none")
	})
	t.Run("Dolt where agents are sent", func(t *testing.T) {
		t.Parallel()
		h := newHome(t)
		h.inPodsOf(c, namespace, operator)
		server(t, c, namespace, "elsewhere", 3307)
		host := "elsewhere." + namespace + ".svc.cluster.local"
		h.sets("GC_DOLT_HOST="+host, "GC_DOLT_PORT=3307", "GC_K8S_DOLT_HOST=nowhere."+namespace+".svc.cluster.local")
		e := h.examine()
		e.troubles(0, 0)
		e.has(doctor.OK, "pods reach Dolt at "+host+":3307", "")
		h.sets("GC_DOLT_HOST=127.0.0.1")
		e = h.examine()
		e.troubles(1, 0)
		e.has(doctor.Failed, "pods don't reach Dolt at nowhere."+namespace, "GC_K8S_DOLT_HOST")
		h.sets("GC_DOLT_HOST="+host, "GC_DOLT_PORT=")
		e = h.examine()
		e.troubles(1, 0)
		e.has(doctor.Failed, "GC_DOLT_PORT is not set: set both, or neither", "starts are refused")
	})
	t.Run("no Dolt where one is named", func(t *testing.T) {
		t.Parallel()
		h := newHome(t)
		h.inPodsOf(c, namespace, operator)
		h.sets("GC_K8S_DOLT_HOST=nowhere." + namespace + ".svc.cluster.local")
		e := h.examine()
		e.troubles(1, 0)
		e.has(doctor.Failed, "pods don't reach Dolt at nowhere."+namespace, "GC_K8S_DOLT_PORT")
	})
}

func TestDoctorSeesBrokenKeysAndAPodThatANamespaceRefuses(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	namespace := c.Namespace(t)
	h := newHome(t)
	h.inPods(c, namespace)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "agentd-keys"}, StringData: map[string]string{"private.pem": "none"}}
	if _, err := c.Client.CoreV1().Secrets(namespace).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	h.sets("GC_K8S_SERVICE_ACCOUNT=nobody")
	e := h.examine()
	e.troubles(2, 0)
	e.has(doctor.Failed, `secret "agentd-keys"`, "delete secret agentd-keys")
	e.has(doctor.Failed, "an agent's pod would be refused", "describe namespace")
	e.has(doctor.Failed, "serviceaccount", "")
}
