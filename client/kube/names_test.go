package kube

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

func TestPodNamesAreStable(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ session, want string }{
		"a plain name":                      {"mayor", "gc-mayor-dd51a825d0"},
		"capitals":                          {"Mayor", "gc-mayor-e2001874c4"},
		"signs that pods' names can't have": {"rig/worker_1.a", "gc-rig-worker-1-a-0e5b17ba76"},
		"nothing that pods' names can have": {"世界", "gc-33650a3695"},
		"a long name":                       {strings.Repeat("a", 100), "gc-" + strings.Repeat("a", 40) + "-2816597888"},
		"a name cut at a dash":              {strings.Repeat("a", 39) + "-b", "gc-" + strings.Repeat("a", 39) + "-e14f2e13e2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := podName(test.session); got != test.want {
				t.Errorf("the pod of %q is %q, want %q: a pod that runs would not be found any more", test.session, got, test.want)
			}
		})
	}
}

// lookAlikes differ, and are the same to who reads only what a label or a host name can hold.
var lookAlikes = []string{
	"", "-", "--", ".", "_", "a", "A", "-a", "a-", "a.", "a_", "a/b", "a-b", "a_b", "a.b", "a b", "a--b", "世界", "界世", "\xff", "\xfe", "a\n",
	"gc-a", hash("a"), "a-" + hash("a"), "a-" + hash("a/"), "a/", hash("a/"), strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 65),
	strings.Repeat("a", 52) + "-" + hash(strings.Repeat("a", 64)), strings.Repeat("a", 40) + "b", strings.Repeat("a", 40) + "c",
}

func TestDistinctNamesHaveDistinctPodsAndLabels(t *testing.T) {
	t.Parallel()
	pods, labels := map[string]string{}, map[string]string{}
	for _, text := range lookAlikes {
		checkNames(t, text)
		if other, taken := pods[podName(text)]; taken {
			t.Errorf("%q and %q share the pod %q", text, other, podName(text))
		}
		if other, taken := labels[labelValue(text)]; taken {
			t.Errorf("%q and %q share the label %q", text, other, labelValue(text))
		}
		pods[podName(text)], labels[labelValue(text)] = text, text
	}
}

// checkNames checks what Kubernetes asks of a name and a label.
func checkNames(t *testing.T, text string) {
	t.Helper()
	if problems := validation.IsDNS1123Label(podName(text)); len(problems) > 0 {
		t.Errorf("the pod of %q is %q: %s", text, podName(text), problems)
	}
	if problems := validation.IsValidLabelValue(labelValue(text)); len(problems) > 0 {
		t.Errorf("the label of %q is %q: %s", text, labelValue(text), problems)
	}
}

func TestALabelThatCanBeTheNameIsTheName(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "mayor", "Rig.worker_1", strings.Repeat("a", 63), "a-0123456789b", "a-012345678"} {
		if got := labelValue(text); got != text {
			t.Errorf("the label of %q is %q: kubectl -l with the name finds nothing", text, got)
		}
	}
}

func FuzzNames(f *testing.F) {
	for i, text := range lookAlikes {
		f.Add(text, lookAlikes[len(lookAlikes)-1-i])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		checkNames(t, a)
		if a != b && (podName(a) == podName(b) || labelValue(a) == labelValue(b)) {
			t.Errorf("%q and %q share a pod or a label", a, b)
		}
	})
}
