package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// cluster is the Kubernetes that some figures need.
type cluster struct {
	kubeconfig string
	kubectl    string
	image      string // of agents
	server     string // the API server's URL
}

// findCluster gives the cluster that E2E_KUBECONFIG names, or else the one that make cluster-up has left in dist. Its error is why there is none.
func findCluster(ctx context.Context) (*cluster, error) {
	c := &cluster{kubeconfig: cmp.Or(os.Getenv("E2E_KUBECONFIG"), filepath.Join("dist", "kubeconfig")), image: cmp.Or(os.Getenv("GC_K8S_IMAGE"), "localhost/agent:dev")}
	var err error
	if c.kubeconfig, err = filepath.Abs(c.kubeconfig); err != nil {
		return nil, err
	}
	if _, err := os.Stat(c.kubeconfig); err != nil {
		return nil, fmt.Errorf("no cluster: make cluster-up, or set E2E_KUBECONFIG (%w)", err)
	}
	if c.kubectl, err = exec.LookPath("kubectl"); err != nil {
		if c.kubectl, err = filepath.Abs(filepath.Join("dist", "kubectl")); err != nil {
			return nil, err
		}
		if _, err := os.Stat(c.kubectl); err != nil {
			return nil, fmt.Errorf("no kubectl to compare with, neither in PATH nor in dist")
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig)
	if err != nil {
		return nil, err
	}
	c.server = config.Host
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, c.kubectl, "--kubeconfig", c.kubeconfig, "get", "--raw", "/readyz").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the cluster of %s does not answer: %w: %s", c.kubeconfig, err, out)
	}
	return c, nil
}
