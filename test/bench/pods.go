package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/test/cluster"
)

// podWorld is a world whose sessions run in pods, in a namespace of its own.
type podWorld struct {
	*world
	cluster   *cluster.Cluster
	namespace string
}

// leftOut says why a group can't be measured here.
type leftOut struct{ why error }

func (l *leftOut) Error() string { return l.why.Error() }

// onPods makes a group's measuring out of one that needs pods.
func onPods(measure func(ctx context.Context, p *podWorld, scale scale) ([]figure, error)) func(context.Context, *world, scale) ([]figure, error) {
	return func(ctx context.Context, w *world, scale scale) ([]figure, error) {
		c, done, err := cluster.Use()
		if err != nil {
			return nil, &leftOut{err}
		}
		c.Image = cmp.Or(os.Getenv("E2E_IMAGE"), c.Image)
		w.atEnd = append(w.atEnd, done)
		p, err := newPodWorld(w, c)
		if err != nil {
			return nil, err
		}
		return measure(ctx, p, scale)
	}
}

func newPodWorld(w *world, c *cluster.Cluster) (*podWorld, error) {
	p := &podWorld{world: w, cluster: c, namespace: "bench-" + strings.ToLower(rand.Text()[:8])}
	w.provider = "gc-session-k8s"
	w.env = append(w.env, "KUBECONFIG="+c.Kubeconfig, "GC_SESSION=exec:gc-session-k8s", "GC_K8S_NAMESPACE="+p.namespace,
		"GC_K8S_IMAGE="+c.Image, "GC_K8S_CPU_REQUEST=1m", "GC_K8S_MEM_REQUEST=8Mi")
	if _, err := said(p.kubectl("create", "namespace", p.namespace)); err != nil {
		return nil, err
	}
	w.atEnd = append(w.atEnd, func() {
		if _, err := said(p.kubectl("delete", "namespace", p.namespace, "--wait=false")); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	})
	// Pods are refused until their namespace's controller has made this.
	_, err := said(p.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=60s"))
	return p, err
}

// kubectl is a command of kubectl's in the namespace, as a script would run it.
func (p *podWorld) kubectl(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(p.ctx, p.cluster.Kubectl, append([]string{"-n", p.namespace}, args...)...)
	cmd.Env, cmd.Dir = p.env, p.dir
	return cmd
}

// podOf gives the name of a session's pod, as the script looks it up.
func (p *podWorld) podOf(session string) (string, error) {
	name, err := said(p.kubectl("get", "pod", "-l", "gc-session="+session, "-o", "jsonpath={.items[0].metadata.name}"))
	if err == nil && name == "" {
		err = fmt.Errorf("no pod of session %q", session)
	}
	return name, err
}

// inPod is a command in a pod, by kubectl.
func (p *podWorld) inPod(pod string, argv ...string) *exec.Cmd {
	return p.kubectl(append([]string{"exec", pod, "-c", "agent", "--"}, argv...)...)
}

// shell starts a session that runs a shell, and returns when its prompt is there.
func (p *podWorld) shell(name string) error {
	return p.launch(name, wire.StartConfig{
		// The image's login shell, which runs the command, has ideas of its own about prompts.
		Command: "PS1='" + prompt + "' exec sh", Env: map[string]string{"GC_ALIAS": "bench"}, ReadyPromptPrefix: prompt,
	})
}

// launch starts a session.
func (p *podWorld) launch(name string, config wire.StartConfig) error {
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	_, err = p.front(string(text), "start", name)
	return err
}

// prompt is what a shell of ours shows when it waits.
const prompt = "ready> "
