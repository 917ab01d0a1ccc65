// Package cluster gives end-to-end tests a Kubernetes: the one of `make cluster-up`, or any other that E2E_KUBECONFIG names.
//
// Several tests may use it at once, each in a namespace of its own. A test that disturbs all others, by ending the API server say, asks for it with
// Alone and has it to itself for as long as it lasts.
package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gascity/agentd/test/binaries"
)

// Cluster is a Kubernetes that answers.
type Cluster struct {
	// Kubeconfig is the path of a kubeconfig with all rights.
	Kubeconfig string
	// Image is the agents' image, Agentd the one with nothing but agentd, Gcctl the one with gcctl, and Busybox one with a shell and small network tools.
	Image, Agentd, Gcctl, Busybox string
	// Kubectl is the path of kubectl.
	Kubectl string
	// Config and Client talk to it.
	Config *rest.Config
	Client kubernetes.Interface

	script string // of our own cluster
	alone  bool
}

// Need returns the cluster, for a test that leaves others alone. Where there is none the test is skipped, or fails where AGENTD_REQUIRE_ALL is set.
// Call it after t.Parallel: until the test ends it keeps those waiting that need the cluster alone.
func Need(t testing.TB) *Cluster {
	t.Helper()
	c, err := find()
	if err != nil {
		lacking(t, err)
	}
	if c.script != "" {
		share(t)
	}
	if err := c.connect(); err != nil {
		lacking(t, err)
	}
	return c
}

// Use is Need for a program that is no test: it gives the cluster, and a function that is to be called when it is needed no more.
func Use() (*Cluster, func(), error) {
	c, err := find()
	if err != nil {
		return nil, nil, err
	}
	done := func() {}
	if c.script != "" {
		f, err := inUse()
		if err != nil {
			return nil, nil, err
		}
		done = func() { _ = f.Close() }
		if err := await(f, syscall.LOCK_SH); err != nil {
			done()
			return nil, nil, err
		}
	}
	if err := c.connect(); err != nil {
		done()
		return nil, nil, err
	}
	return c, done, nil
}

// Alone returns the cluster to a test that may disturb it, and keeps all others out until the test is over. Only the cluster of `make cluster-up` is
// there to be disturbed: with another one the test is skipped.
func Alone(t testing.TB) *Cluster {
	t.Helper()
	c, err := find()
	if err != nil {
		lacking(t, err)
	}
	if c.script == "" {
		t.Skip("E2E_KUBECONFIG is set: only a cluster of make cluster-up is disturbed")
	}
	claim(t)
	if err := c.connect(); err != nil {
		lacking(t, err)
	}
	c.alone = true
	return c
}

func lacking(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("AGENTD_REQUIRE_ALL") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
}

func find() (*Cluster, error) {
	if path := os.Getenv("E2E_KUBECONFIG"); path != "" {
		return foreign(path)
	}
	root, err := binaries.Root()
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		Kubeconfig: filepath.Join(root, "dist", "kubeconfig"), Kubectl: filepath.Join(root, "dist", "kubectl"),
		Image: "localhost/agent:dev", Agentd: "localhost/agentd:dev", Gcctl: "localhost/gcctl:dev", Busybox: "localhost/busybox:1",
		script: filepath.Join(root, "test", "cluster", "cluster"),
	}
	if _, err := os.Stat(c.Kubeconfig); errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New(whyNone(c.script))
	} else if err != nil {
		return nil, err
	}
	return c, nil
}

func foreign(path string) (*Cluster, error) {
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		return nil, fmt.Errorf("E2E_KUBECONFIG is set: %w", err)
	}
	c := &Cluster{
		Kubeconfig: path, Kubectl: kubectl, Image: os.Getenv("E2E_IMAGE"), Agentd: os.Getenv("E2E_AGENTD_IMAGE"), Gcctl: os.Getenv("E2E_GCCTL_IMAGE"),
		Busybox: cmp.Or(os.Getenv("E2E_BUSYBOX_IMAGE"), "busybox:1"),
	}
	for _, name := range []string{"E2E_IMAGE", "E2E_AGENTD_IMAGE", "E2E_GCCTL_IMAGE"} {
		if os.Getenv(name) == "" {
			return nil, fmt.Errorf("E2E_KUBECONFIG is set but %s is not: it names an image that the cluster can pull", name)
		}
	}
	return c, nil
}

// whyNone says why there is no cluster: what this machine lacks, or that nobody has made one.
func whyNone(script string) string {
	out, err := exec.Command(script, "possible").CombinedOutput()
	if err != nil {
		return strings.TrimSpace(string(out))
	}
	return "there is no cluster: make cluster-up, or set E2E_KUBECONFIG"
}

func (c *Cluster) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		return fmt.Errorf("read %s: %w", c.Kubeconfig, err)
	}
	config.QPS = -1 // tests wait for the cluster, not for the client's own limit
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("use %s: %w", c.Kubeconfig, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err != nil {
		return fmt.Errorf("the cluster of %s does not answer (make cluster-up): %w", c.Kubeconfig, err)
	}
	c.Config, c.Client = config, client
	return nil
}
