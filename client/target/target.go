// Package target says which sessions a program means: those of this machine, or those of a namespace of some cluster. It knows the settings that
// lead there and nothing of what is there, so that the programs that gc starts stay small.
package target

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The backends.
const (
	Local = "local"
	Kube  = "kube"
)

// Backends are the names of all.
func Backends() []string { return []string{Local, Kube} }

// DefaultNamespace is where pods are unless it is said otherwise: gc's own default.
const DefaultNamespace = "gc"

// Target is a place where sessions run. Two targets that are equal have one hub.
type Target struct {
	// Backend is Local or Kube. What follows is Kube's.
	Backend string
	// Kubeconfig is a list of absolute paths, as in KUBECONFIG. Empty means ~/.kube/config, and without such a file, in a pod, its service account.
	Kubeconfig string
	// Context is the kubeconfig's context, empty for the current one.
	Context string
	// Namespace is where the pods are.
	Namespace string
}

// OnThisMachine is the target of local sessions.
func OnThisMachine() Target { return Target{Backend: Local} }

// InCluster is the target of sessions in pods, by the environment: KUBECONFIG, GC_K8S_CONTEXT, GC_K8S_NAMESPACE ("gc").
func InCluster(getenv func(string) string) (Target, error) {
	t := Target{Backend: Kube, Kubeconfig: getenv("KUBECONFIG"), Context: getenv("GC_K8S_CONTEXT"), Namespace: getenv("GC_K8S_NAMESPACE")}
	return t.Absolute()
}

// Absolute gives the target a form that means the same in every folder.
func (t Target) Absolute() (Target, error) {
	if t.Backend != Kube {
		return Target{Backend: t.Backend}, nil
	}
	var list []string
	for _, path := range filepath.SplitList(t.Kubeconfig) {
		if path == "" {
			continue
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return Target{}, fmt.Errorf("kubeconfig %q: %w", path, err)
		}
		list = append(list, abs)
	}
	t.Kubeconfig = strings.Join(list, string(os.PathListSeparator))
	if t.Namespace == "" {
		t.Namespace = DefaultNamespace
	}
	return t, nil
}

// keyLength is the length of the hash in a key: enough for a person's targets never to meet.
const keyLength = 10

// Key names the target's hub: short, and safe in a file name.
func (t Target) Key() string {
	if t.Backend != Kube {
		return t.Backend
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{t.Kubeconfig, t.Context, t.Namespace}, "\x00")))
	return Kube + "-" + hex.EncodeToString(sum[:])[:keyLength]
}

// Shell is how a person calls kubectl or gcctl about the target's cluster, from whatever shell: the program with what goes before its arguments, to be pasted.
func (t Target) Shell(program string) string {
	words := program
	if t.Kubeconfig != "" { // a list, perhaps, which kubectl's flag doesn't take
		words = fmt.Sprintf("KUBECONFIG=%q %s", t.Kubeconfig, words)
	}
	if t.Context != "" {
		words += fmt.Sprintf(" --context %q", t.Context)
	}
	return words
}

// Flags are what tells gcctl the target, whatever its environment.
func (t Target) Flags() []string {
	flags := []string{"--backend", t.Backend}
	if t.Backend != Kube {
		return flags
	}
	return append(flags, "--kubeconfig", t.Kubeconfig, "--context", t.Context, "--namespace", t.Namespace)
}
