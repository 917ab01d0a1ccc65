package kube

import (
	"maps"
	"slices"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/gascity/agentd/client/target"
)

// Known are the names that a kubeconfig knows.
type Known struct{ raw clientcmdapi.Config }

// Know reads the kubeconfig of a target. Of one that can't be read nothing is known.
func Know(t target.Target) Known {
	rules := &clientcmd.ClientConfigLoadingRules{Precedence: kubeconfigs(t), WarnIfAllMissing: false}
	raw, err := rules.Load()
	if err != nil {
		return Known{}
	}
	return Known{*raw}
}

// Contexts are the contexts' names.
func (k Known) Contexts() []string { return slices.Sorted(maps.Keys(k.raw.Contexts)) }

// Current is the current context's name.
func (k Known) Current() string { return k.raw.CurrentContext }

// Namespaces are those that contexts name, and the usual one.
func (k Known) Namespaces() []string {
	names := map[string]bool{target.DefaultNamespace: true}
	for _, c := range k.raw.Contexts {
		if c.Namespace != "" {
			names[c.Namespace] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
