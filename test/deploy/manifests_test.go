package deploy_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// objects reads manifests.
func objects(t *testing.T, manifests string) []unstructured.Unstructured {
	t.Helper()
	var all []unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	for {
		var o unstructured.Unstructured
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
}

// find reads the one object of a kind and name into a typed one.
func find[T any](t *testing.T, manifests, kind, name string) T {
	t.Helper()
	var typed T
	for _, o := range objects(t, manifests) {
		if o.GetKind() == kind && o.GetName() == name {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, &typed, true); err != nil {
				t.Fatalf("%s %q: %v", kind, name, err)
			}
			return typed
		}
	}
	t.Fatalf("there is no %s %q", kind, name)
	return typed
}

func TestAllLiesInNamespaceGC(t *testing.T) {
	t.Parallel()
	for _, variant := range variants {
		for _, o := range objects(t, build(t, filepath.Join(root(t), "deploy", variant))) {
			if o.GetKind() != "Namespace" && o.GetNamespace() != "gc" {
				t.Errorf("%s: %s %q is in namespace %q", variant, o.GetKind(), o.GetName(), o.GetNamespace())
			}
			if o.GetKind() == "Namespace" && o.GetName() != "gc" {
				t.Errorf("%s: namespace %q", variant, o.GetName())
			}
		}
	}
}

func TestAnotherNamespaceIsOneLine(t *testing.T) {
	t.Parallel()
	for _, variant := range variants {
		for _, o := range objects(t, build(t, kustomization(t, variant, "elsewhere", ""))) {
			switch {
			case o.GetKind() == "Namespace" && o.GetName() != "elsewhere", o.GetKind() != "Namespace" && o.GetNamespace() != "elsewhere":
				t.Errorf("%s: %s %q is in namespace %q", variant, o.GetKind(), o.GetName(), o.GetNamespace())
			case o.GetKind() == "RoleBinding":
				var binding rbacv1.RoleBinding
				if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &binding); err != nil {
					t.Fatal(err)
				}
				for _, s := range binding.Subjects {
					if s.Namespace != "elsewhere" {
						t.Errorf("%s: role binding %q is for %s %q of namespace %q", variant, binding.Name, s.Kind, s.Name, s.Namespace)
					}
				}
			}
		}
	}
}

func TestTheControllerAndADoltWithoutAPasswordGoTogether(t *testing.T) {
	t.Parallel()
	// What the overlay's own comment says.
	dir := kustomization(t, "overlays/controller", "gc", "")
	component, err := filepath.Rel(dir, filepath.Join(root(t), "deploy", "components", "passwordless-dolt"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "kustomization.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, fmt.Appendf(text, "components: [%q]\n", component), 0o644); err != nil {
		t.Fatal(err)
	}
	manifests := build(t, dir)
	controller := find[appsv1.StatefulSet](t, manifests, "StatefulSet", "gc-controller")
	for _, env := range controller.Spec.Template.Spec.Containers[0].Env {
		if env.Name == "GC_DOLT_PASSWORD" {
			t.Error("the controller waits for a Secret that nobody makes")
		}
	}
	if dolt := find[appsv1.StatefulSet](t, manifests, "StatefulSet", "dolt"); len(dolt.Spec.Template.Spec.InitContainers) != 0 {
		t.Error("Dolt gets a password")
	}
}

func TestOnlyRestrictedPodsAreLetIn(t *testing.T) {
	t.Parallel()
	namespace := find[corev1.Namespace](t, build(t, filepath.Join(root(t), "deploy")), "Namespace", "gc")
	for _, mode := range []string{"enforce", "warn", "audit"} {
		if got := namespace.Labels["pod-security.kubernetes.io/"+mode]; got != "restricted" {
			t.Errorf("%s is %q", mode, got)
		}
	}
}

func TestNoManifestHasAPassword(t *testing.T) {
	t.Parallel()
	for _, variant := range variants {
		for _, o := range objects(t, build(t, filepath.Join(root(t), "deploy", variant))) {
			if o.GetKind() == "Secret" {
				t.Errorf("%s: Secret %q would be the same everywhere", variant, o.GetName())
			}
		}
	}
}
