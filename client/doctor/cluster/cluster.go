// Package cluster has the checks of sessions in pods: of the API server, the namespace, what one may do there, and what pods are made of.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gascity/agentd/client/doctor"
	"github.com/gascity/agentd/client/kube"
	"github.com/gascity/agentd/client/target"
)

// Config says what is examined.
type Config struct {
	Target target.Target
	// Env is the environment that sessions would be started with: it holds the settings of pods.
	Env []string
	// NoPods leaves out what makes pods.
	NoPods bool
}

// Cluster is one examination. Close ends it.
type Cluster struct {
	config   Config
	backend  *kube.Backend // after the check of the kubeconfig
	settings kube.Settings // after the check of the settings
	answer   kube.Answer   // after the check of the API server
	asked    span          // when that was
}

// New makes an examination.
func New(c Config) *Cluster { return &Cluster{config: c} }

// Close lets go of the cluster.
func (c *Cluster) Close() {
	if c.backend != nil {
		c.backend.Close()
	}
}

// The groups.
const (
	clusterGroup   = "cluster"
	namespaceGroup = "namespace"
	accessGroup    = "permissions"
	eventsGroup    = "events"
	podsGroup      = "pods"
)

// Names of checks that others need.
const (
	kubeconfigCheck = "the kubeconfig"
	serverCheck     = "the API server"
	namespaceCheck  = "the namespace"
	settingsCheck   = "the settings"
	podCheck        = "whether a pod is admitted"
	agentdCheck     = "the image of agentd"
	imageCheck      = "the agents' image"
)

// Needed are the checks without which nothing that is asked of the hub can come right.
func Needed() []string { return []string{serverCheck, namespaceCheck} }

// Checks are all, in their order.
func (c *Cluster) Checks() []doctor.Check {
	checks := []doctor.Check{
		{Group: clusterGroup, Name: kubeconfigCheck, Run: c.kubeconfig},
		{Group: clusterGroup, Name: serverCheck, Needs: []string{kubeconfigCheck}, Run: c.server},
		{Group: clusterGroup, Name: "the version", Needs: []string{serverCheck}, Run: c.version},
		{Group: clusterGroup, Name: "the clock", Needs: []string{serverCheck}, Run: c.clock},
		{Group: namespaceGroup, Name: namespaceCheck, Needs: []string{serverCheck}, Run: c.namespace},
		{Group: namespaceGroup, Name: "the keys", Needs: []string{namespaceCheck}, Run: c.keys},
	}
	for _, p := range kube.Permissions() {
		checks = append(checks, doctor.Check{
			Group: accessGroup, Name: "permissions for " + p.Resource, Needs: []string{serverCheck},
			Run: func(ctx context.Context) []doctor.Finding { return c.permission(ctx, p, operatorRole) },
		})
	}
	checks = append(checks, c.eventChecks()...)
	checks = append(checks,
		doctor.Check{Group: podsGroup, Name: settingsCheck, Run: c.readSettings},
		doctor.Check{Group: podsGroup, Name: podCheck, Needs: []string{settingsCheck, namespaceCheck}, Run: c.rehearse},
	)
	return append(checks, c.trials()...)
}

func one(f doctor.Finding) []doctor.Finding { return []doctor.Finding{f} }

func (c *Cluster) kubeconfig(context.Context) []doctor.Finding {
	backend, err := kube.New(kube.Config{Target: c.config.Target, Pinned: true})
	if err != nil {
		return one(doctor.Bad("kubectl config get-contexts lists what there is", "%v", err))
	}
	c.backend = backend
	context := c.config.Target.Context
	if context == "" {
		context = kube.Know(c.config.Target).Current()
	}
	if context == "" {
		return one(doctor.Good("no context of a kubeconfig is chosen; the API server is %s", backend.Host()))
	}
	return one(doctor.Good("context %q means the API server %s", context, backend.Host()))
}

// kubectl is how kubectl is called about the same place, in the shell that this was called from.
func (c *Cluster) kubectl(args string) string {
	t := c.config.Target
	if usual, err := target.InCluster(c.getenv); err == nil && usual.Kubeconfig == t.Kubeconfig {
		t.Kubeconfig = "" // kubectl finds it, too
	}
	return t.Shell("kubectl") + " " + args
}

// getenv looks a variable up in the environment that is examined.
func (c *Cluster) getenv(name string) string {
	value := ""
	for _, variable := range c.config.Env {
		if v, is := strings.CutPrefix(variable, name+"="); is {
			value = v // the last one counts
		}
	}
	return value
}

// timedOut makes one clear line of an error whose cause is that the check's time is up.
func timedOut(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		doing, _, _ := strings.Cut(err.Error(), ": ")
		return fmt.Errorf("%s: no answer in time", doing)
	}
	return err
}
