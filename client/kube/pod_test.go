package kube

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

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
