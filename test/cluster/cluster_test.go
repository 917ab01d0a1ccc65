package cluster_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gascity/agentd/test/cluster"
)

func TestNodesAreReady(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	c.Run(t, "wait", "--for=condition=Ready", "nodes", "--all", "--timeout=30s")
}

// web puts testdata/web.yaml into a namespace and waits until all of it is ready.
func web(t *testing.T, c *cluster.Cluster) (namespace string) {
	t.Helper()
	b, err := os.ReadFile("testdata/web.yaml")
	if err != nil {
		t.Fatal(err)
	}
	namespace = c.Namespace(t)
	c.RunWith(t, strings.ReplaceAll(string(b), "@IMAGE@", c.Busybox), "-n", namespace, "apply", "-f", "-")
	c.Run(t, "-n", namespace, "wait", "--for=condition=Ready", "pods", "--all", "--timeout=90s")
	return namespace
}

func TestPodsReachServicesByName(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	namespace := web(t, c)
	for _, address := range []string{
		"web:3307", fmt.Sprintf("web.%s.svc.cluster.local:3307", namespace), fmt.Sprintf("headless.%s.svc.cluster.local:8080", namespace),
	} {
		fetch(t, c, namespace, "client", address)
	}
	fetch(t, c, namespace, "web", "web."+namespace+":3307") // from a pod to itself, through its Service
}

// fetch asks for the page of web until it comes: DNS and Services follow the API, and when that was away a moment ago they may come back only after a pause.
func fetch(t *testing.T, c *cluster.Cluster, namespace, pod, address string) {
	t.Helper()
	var got string
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		out, err := c.Try(t, "-n", namespace, "exec", pod, "--", "wget", "-qO-", "http://"+address)
		got = out
		return err == nil && out == "served\n", nil
	})
	if err != nil {
		t.Errorf("%s asks %s: %v: %q", pod, address, err, got)
	}
}

func TestClaimGetsVolumeOfItsOwn(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	volumes := map[string]bool{}
	for range 2 {
		volumes[c.Run(t, "-n", web(t, c), "get", "persistentvolumeclaim", "page", "-o", "jsonpath={.status.phase} {.spec.volumeName}")] = true
	}
	for v := range volumes {
		if !strings.HasPrefix(v, "Bound pvc-") {
			t.Errorf("a claim is %q", v)
		}
	}
	if len(volumes) != 2 {
		t.Errorf("two claims got %v", volumes)
	}
}

func TestNamespaceRefusesPrivileges(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "root"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: c.Busybox}}}}
	_, err := c.Client.CoreV1().Pods(c.Namespace(t)).Create(t.Context(), pod, metav1.CreateOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "PodSecurity") {
		t.Errorf("a pod that may run as root: %v", err)
	}
}

// client is what a kubeconfig gives.
func client(t *testing.T, kubeconfig string) (kubernetes.Interface, string) {
	t.Helper()
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(&clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig}, nil)
	config, err := loaded.ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	config.Timeout = 5 * time.Second
	namespace, _, err := loaded.Namespace()
	if err != nil {
		t.Fatal(err)
	}
	k, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return k, namespace
}

func TestServiceAccountHasItsRightsOnly(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	namespace := c.Namespace(t)
	k, in := client(t, c.As(t, namespace, "default"))
	if in != namespace {
		t.Errorf("the kubeconfig's namespace is %q", in)
	}
	_, err := k.CoreV1().Pods(in).List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "system:serviceaccount:"+namespace+":default") {
		t.Errorf("without a right to list pods: %v", err)
	}
	c.Bind(t, namespace, "default", "clusterrole", "view")
	if _, err := k.CoreV1().Pods(in).List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Errorf("with a right to list pods: %v", err)
	}
}

func TestAPIServerThroughAProxy(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	server, err := url.Parse(c.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy, accepted := relay(t, server.Host)
	k, _ := client(t, c.Via(t, proxy))
	if _, err := k.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Error(err)
	}
	if accepted() == 0 {
		t.Error("the proxy was gone round")
	}
}

// relay hands on connections to an address, and counts them.
func relay(t *testing.T, to string) (address string, accepted func() int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	n := 0
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { _ = l.Close(); cancel(); running.Wait() })
	running.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			n++
			mu.Unlock()
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			stop := context.AfterFunc(ctx, func() { _ = near.Close(); _ = far.Close() })
			running.Go(func() { defer stop(); _, _ = io.Copy(far, near); _ = far.Close() })
			running.Go(func() { _, _ = io.Copy(near, far); _ = near.Close() })
		}
	})
	return l.Addr().String(), func() int { mu.Lock(); defer mu.Unlock(); return n }
}
