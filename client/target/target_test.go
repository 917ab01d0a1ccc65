package target

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestInCluster(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		env  map[string]string
		want Target
	}{
		"nothing set":              {nil, Target{Backend: Kube, Namespace: "gc"}},
		"all set":                  {map[string]string{"KUBECONFIG": "/a", "GC_K8S_CONTEXT": "c", "GC_K8S_NAMESPACE": "n"}, Target{Kube, "/a", "c", "n"}},
		"a relative path":          {map[string]string{"KUBECONFIG": "a"}, Target{Backend: Kube, Kubeconfig: filepath.Join(here, "a"), Namespace: "gc"}},
		"a list with gaps":         {map[string]string{"KUBECONFIG": ":/a::/b/../c:"}, Target{Backend: Kube, Kubeconfig: "/a:/c", Namespace: "gc"}},
		"an empty list is no list": {map[string]string{"KUBECONFIG": ":"}, Target{Backend: Kube, Namespace: "gc"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := InCluster(func(name string) string { return test.env[name] })
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

// A hub that served two places would show each the other's sessions.
func TestDifferentTargetsHaveDifferentHubs(t *testing.T) {
	t.Parallel()
	all := []Target{
		OnThisMachine(), {Kube, "", "", "gc"}, {Kube, "/a", "", "gc"}, {Kube, "", "/a", "gc"}, {Kube, "", "", "/a"}, {Kube, "/a", "b", "c"}, {Kube, "/a", "bc", ""},
	}
	keys := map[string]Target{}
	for _, target := range all {
		if other, ok := keys[target.Key()]; ok {
			t.Errorf("%+v and %+v have one key", target, other)
		}
		keys[target.Key()] = target
		if again, err := target.Absolute(); err != nil || again.Key() == "" {
			t.Errorf("%+v: %v", target, err)
		}
	}
	if got := OnThisMachine().Key(); got != "local" {
		t.Errorf("the key of local sessions is %q", got)
	}
}

func TestWordsToPasteLeadToTheSamePlace(t *testing.T) {
	t.Parallel()
	for want, target := range map[string]Target{
		"kubectl":                               {Backend: Kube, Namespace: "gc"},
		`kubectl --context "c d"`:               {Backend: Kube, Context: "c d", Namespace: "gc"},
		`KUBECONFIG="/a:/b c" kubectl`:          {Backend: Kube, Kubeconfig: "/a:/b c", Namespace: "gc"},
		`KUBECONFIG="/a" kubectl --context "c"`: {Backend: Kube, Kubeconfig: "/a", Context: "c", Namespace: "gc"},
	} {
		if got := target.Shell("kubectl"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	if got := OnThisMachine().Flags(); !slices.Equal(got, []string{"--backend", "local"}) {
		t.Errorf("got %q", got)
	}
	got := (Target{Kube, "/a:/b", "c", "n"}).Flags()
	if !slices.Equal(got, []string{"--backend", "kube", "--kubeconfig", "/a:/b", "--context", "c", "--namespace", "n"}) {
		t.Errorf("got %q", got)
	}
}
