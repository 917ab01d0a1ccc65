package kube

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/gascity/agentd/client/hub"
)

func TestAPodHoldsNothingOfTheAgentsAndIsRestricted(t *testing.T) {
	t.Parallel()
	s, err := parseSettings([]string{"GC_K8S_IMAGE=i", "GC_K8S_AGENTD_IMAGE=a", "SECRET=hidden-base"})
	if err != nil {
		t.Fatal(err)
	}
	pod := newPod("gc", hub.Spec{
		Name: "rig/mayor", City: "/home/me/city", WorkDir: "/workspace/rig", Command: "hidden-command", Env: map[string]string{"TOKEN": "hidden-env"}, BaseEnv: []string{"X=hidden-base"},
	}, s)
	text, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "hidden") {
		t.Errorf("the API server would keep what is the agent's: %s", text)
	}
	spec := pod.Spec
	if *spec.AutomountServiceAccountToken || spec.RestartPolicy != "Never" || !*spec.SecurityContext.RunAsNonRoot || spec.SecurityContext.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("got %+v", spec)
	}
	for _, c := range append(spec.InitContainers, spec.Containers...) {
		if sc := c.SecurityContext; *sc.AllowPrivilegeEscalation || len(sc.Capabilities.Drop) != 1 || sc.Capabilities.Drop[0] != "ALL" || len(c.Resources.Limits) != 2 {
			t.Errorf("container %q: %+v", c.Name, c)
		}
	}
	if agent := spec.Containers[0]; len(spec.InitContainers) != 1 || agent.Command[0] != "/opt/agentd/agentd" || agent.StartupProbe == nil || agent.LivenessProbe == nil || agent.ReadinessProbe.HTTPGet.Path != "/readyz" {
		t.Errorf("got %+v", agent)
	}
	if pod.Annotations["gc-session-name"] != "rig/mayor" || pod.Labels["app"] != "gc-agent" || pod.Labels["gc-session"] != labelValue("rig/mayor") {
		t.Errorf("got %v, %v", pod.Labels, pod.Annotations)
	}
}

func TestGitTrustsTheWorkspace(t *testing.T) {
	t.Parallel()
	s, err := parseSettings([]string{"GC_K8S_IMAGE=i"})
	if err != nil {
		t.Fatal(err)
	}
	var config []string
	for _, v := range newPod("gc", hub.Spec{Name: "s"}, s).Spec.Containers[0].Env {
		if strings.HasPrefix(v.Name, "GIT_") {
			config = append(config, v.Name+"="+v.Value)
		}
	}
	if want := []string{"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=/workspace"}; !slices.Equal(config, want) {
		t.Errorf("got %q, want %q", config, want)
	}
}

// podWith is the pod that the settings make.
func podWith(t *testing.T, env ...string) *corev1.Pod {
	t.Helper()
	s, err := parseSettings(append([]string{"GC_K8S_IMAGE=i", "GC_K8S_AGENTD_IMAGE=a"}, env...))
	if err != nil {
		t.Fatal(err)
	}
	return newPod("gc", hub.Spec{Name: "s"}, s)
}

func TestSettingsReachThePod(t *testing.T) {
	t.Parallel()
	policies := func(pod *corev1.Pod) any {
		return [2]corev1.PullPolicy{pod.Spec.InitContainers[0].ImagePullPolicy, pod.Spec.Containers[0].ImagePullPolicy}
	}
	secrets := func(pod *corev1.Pod) any {
		var names []string
		for _, s := range pod.Spec.ImagePullSecrets { // which count for all containers
			names = append(names, s.Name)
		}
		return strings.Join(names, " ")
	}
	account := func(pod *corev1.Pod) any {
		return [2]any{pod.Spec.ServiceAccountName, *pod.Spec.AutomountServiceAccountToken}
	}
	for name, test := range map[string]struct {
		env  []string
		got  func(*corev1.Pod) any
		want any
	}{
		"a policy for images":         {[]string{"GC_K8S_IMAGE_PULL_POLICY=Always"}, policies, [2]corev1.PullPolicy{"Always", "Always"}},
		"another one":                 {[]string{"GC_K8S_IMAGE_PULL_POLICY=Never"}, policies, [2]corev1.PullPolicy{"Never", "Never"}},
		"the usual one":               {nil, policies, [2]corev1.PullPolicy{"IfNotPresent", "IfNotPresent"}},
		"a secret for the registry":   {[]string{"GC_K8S_IMAGE_PULL_SECRET=registry"}, secrets, "registry"},
		"none":                        {nil, secrets, ""},
		"a service account":           {[]string{"GC_K8S_SERVICE_ACCOUNT=robot"}, account, [2]any{"robot", true}},
		"no token without an account": {nil, account, [2]any{"", false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := test.got(podWith(t, test.env...)); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestAPrebakedWorkspaceIsNotMountedOver(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]bool{"GC_K8S_PREBAKED=true": false, "GC_K8S_PREBAKED=false": true} {
		pod := podWith(t, setting)
		over := func(m corev1.VolumeMount) bool {
			return m.MountPath == "/" || strings.HasPrefix(m.MountPath+"/", "/workspace/")
		}
		mounted := slices.ContainsFunc(pod.Spec.Containers[0].VolumeMounts, over)
		volume := slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == "workspace" })
		if mounted != want || volume != want {
			t.Errorf("%s: mounted %v, with a volume %v; want %v", setting, mounted, volume, want)
		}
		for _, c := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
			for _, m := range c.VolumeMounts {
				if !slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) {
					t.Errorf("%s: container %q mounts %q, which is no volume", setting, c.Name, m.Name)
				}
			}
		}
	}
}
