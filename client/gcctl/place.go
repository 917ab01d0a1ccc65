package gcctl

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/client/kube"
	"github.com/gascity/agentd/client/target"
)

// placeFlags say where the sessions are that a command is about.
type placeFlags struct {
	backend    string
	kubeconfig string
	context    string
	namespace  string
}

// words are the flags that were given, as they are typed.
func (f *placeFlags) words() (words []string) {
	for _, flag := range [][2]string{{"--backend", f.backend}, {"--kubeconfig", f.kubeconfig}, {"--context", f.context}, {"-n", f.namespace}} {
		if flag[1] != "" {
			words = append(words, flag[0], quoteWord(flag[1]))
		}
	}
	return words
}

func (f *placeFlags) register(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.backend, "backend", "", "where sessions run: "+strings.Join(target.Backends(), "|")+
		" (default: kube when one of the flags below or GC_SESSION says so, else local)")
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig `FILE` of the cluster (default: KUBECONFIG, then ~/.kube/config)")
	flags.StringVar(&f.context, "context", "", "`CONTEXT` of the kubeconfig (default: GC_K8S_CONTEXT, then the current one)")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "`NAMESPACE` of the sessions' pods (default: GC_K8S_NAMESPACE, then "+target.DefaultNamespace+")")
	_ = cmd.RegisterFlagCompletionFunc("backend", cobra.FixedCompletions(target.Backends(), cobra.ShellCompDirectiveNoFileComp))
	// They fail only for flags that aren't there.
	_ = cmd.RegisterFlagCompletionFunc("context", f.complete(kube.Known.Contexts))
	_ = cmd.RegisterFlagCompletionFunc("namespace", f.complete(kube.Known.Namespaces))
}

// complete offers names that the kubeconfig knows. The cluster isn't asked: Tab is not to wait for it.
func (f *placeFlags) complete(names func(kube.Known) []string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		t, err := target.InCluster(os.Getenv)
		if f.kubeconfig != "" {
			t.Kubeconfig = f.kubeconfig
		}
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names(kube.Know(t)), cobra.ShellCompDirectiveNoFileComp
	}
}

// chooseTarget finds out which sessions are meant.
func (a *app) chooseTarget(cmd *cobra.Command) error {
	f := a.place
	backend := f.backend
	if backend == "" {
		backend = a.usualBackend(cmd)
	}
	if !slices.Contains(target.Backends(), backend) {
		return usage(cmd, "unknown backend %q: there is %s", backend, strings.Join(target.Backends(), ", "))
	}
	if backend != target.Kube {
		for _, name := range []string{"kubeconfig", "context", "namespace"} {
			if flag := cmd.Flag(name); flag != nil && flag.Changed {
				return usage(cmd, "--%s says where pods are, and --backend %s has none", name, backend)
			}
		}
	}
	t, err := a.targetOf(backend)
	if err != nil {
		return err
	}
	for set, value := range map[*string]string{&t.Kubeconfig: f.kubeconfig, &t.Context: f.context, &t.Namespace: f.namespace} {
		if value != "" {
			*set = value
		}
	}
	a.target, err = t.Absolute()
	return err
}

// targetOf is the target that the environment means.
func (a *app) targetOf(backend string) (target.Target, error) {
	switch backend {
	case target.Local:
		return target.OnThisMachine(), nil
	case target.Kube:
		return target.InCluster(a.getenv)
	}
	return target.Target{}, fmt.Errorf("unknown backend %q: there is %s", backend, strings.Join(target.Backends(), ", "))
}

// usualBackend is where sessions are when nothing says it outright.
func (a *app) usualBackend(cmd *cobra.Command) string {
	for _, name := range []string{"kubeconfig", "context", "namespace"} {
		if flag := cmd.Flag(name); flag != nil && flag.Changed {
			return target.Kube
		}
	}
	if aboutEvents(cmd) && !a.isPlugin() {
		switch filepath.Base(strings.TrimPrefix(a.getenv("GC_EVENTS"), "exec:")) {
		case "gc-events-k8s":
			return target.Kube
		case "gc-events-local":
			return target.Local
		}
	}
	if a.isPlugin() || filepath.Base(strings.TrimPrefix(a.getenv("GC_SESSION"), "exec:")) == "gc-session-k8s" {
		return target.Kube
	}
	return target.Local
}
