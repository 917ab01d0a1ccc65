package kube

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/agentd/wire"
)

func waiting(container, reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: container, Image: "i", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
}

func terminated(container string, code int32, reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: container, Image: "i", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: message}}}
}

func agentIs(status corev1.ContainerStatus) *corev1.Pod {
	return &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{status}}}
}

func installIs(status corev1.ContainerStatus) *corev1.Pod {
	return &corev1.Pod{Status: corev1.PodStatus{
		InitContainerStatuses: []corev1.ContainerStatus{status}, ContainerStatuses: []corev1.ContainerStatus{waiting("agent", "PodInitializing", "")},
	}}
}

// refusedFor is a pod that its node's kubelet did not admit.
func refusedFor(reason string) *corev1.Pod {
	return &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: reason, Message: "Pod was rejected"}}
}

// disrupted is a pod that Kubernetes itself ends, or meant to.
func disrupted(reason string, phase corev1.PodPhase, deleted *metav1.Time) *corev1.Pod {
	pod := agentIs(corev1.ContainerStatus{Name: "agent"})
	if phase == corev1.PodFailed {
		pod = agentIs(terminated("agent", 137, "Error", ""))
	}
	pod.DeletionTimestamp, pod.Status.Phase = deleted, phase
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: reason, Message: "so it is"}}
	return pod
}

func TestWhatKeepsAPodFromComingUp(t *testing.T) {
	t.Parallel()
	const noAgentd = `image "i" has no agentd: set GC_K8S_AGENTD_IMAGE to the image that brings it, or build the image with it`
	const noInstall = `image "i", of GC_K8S_AGENTD_IMAGE, has no /agentd`
	const notFound = `exec: "agentd": executable file not found in $PATH`
	now := metav1.Now()
	running := corev1.ContainerStatus{Name: "agent", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	for name, test := range map[string]struct {
		pod      *corev1.Pod
		what     string
		patience time.Duration
		code     wire.Code
	}{
		"nothing, when it has just been made": {&corev1.Pod{}, "", 0, ""},
		"nothing, when it is being made":      {agentIs(waiting("agent", "ContainerCreating", "")), "", 0, ""},
		"nothing, when it runs":               {agentIs(running), "", 0, ""},
		"nothing, when agentd was put there":  {installIs(terminated("agentd", 0, "Completed", "")), "", 0, ""},
		"deletion":                            {&corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &now}}, "it was told to end by someone else", 0, wire.CodeFailed},
		"eviction": {
			&corev1.Pod{Status: corev1.PodStatus{
				Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on memory.", ContainerStatuses: []corev1.ContainerStatus{terminated("agent", 137, "Error", "")},
			}},
			"it was evicted: The node was low on memory.", 0, wire.CodeUnavailable,
		},
		"an image that isn't there": {
			agentIs(waiting("agent", "ErrImagePull", `failed to resolve reference "i": i: not found`)), `image "i" can't be pulled`, 0, wire.CodeFailed,
		},
		"an image that isn't there, said later": {
			agentIs(waiting("agent", "ImagePullBackOff", `Back-off pulling image "i": ErrImagePull: i: not found`)), `image "i" can't be pulled`, 0, wire.CodeFailed,
		},
		"an image that another runtime can't find": {
			agentIs(waiting("agent", "ErrImagePull", "reading manifest latest in registry/i: manifest unknown")), `image "i" can't be pulled`, 0, wire.CodeFailed,
		},
		"an image that one may not pull": {
			agentIs(waiting("agent", "ErrImagePull", "denied: requested access to the resource is denied")), `image "i" can't be pulled`, 0, wire.CodeFailed,
		},
		"a registry that limits": {
			agentIs(waiting("agent", "ErrImagePull", "429 Too Many Requests: toomanyrequests: unauthenticated pull rate limit")), `image "i" can't be pulled`, retryTime, wire.CodeUnavailable,
		},
		"a registry that is down": {
			agentIs(waiting("agent", "ImagePullBackOff", "dial tcp 10.0.0.1:443: connect: connection refused")), `image "i" can't be pulled`, retryTime, wire.CodeUnavailable,
		},
		"a registry whose name can't be looked up": {
			agentIs(waiting("agent", "ErrImagePull", `failed to resolve reference "registry.test/i:1": failed to do request: Head "https://registry.test/v2/i/manifests/1": dial tcp: lookup registry.test on 10.0.0.2:53: no such host`)),
			`image "i" can't be pulled`, retryTime, wire.CodeUnavailable,
		},
		"an image whose name can't be":     {agentIs(waiting("agent", "InvalidImageName", "couldn't parse it")), `image "i": InvalidImageName: couldn't parse it`, 0, wire.CodeFailed},
		"an image that isn't to be pulled": {agentIs(waiting("agent", "ErrImageNeverPull", "not present")), `image "i": ErrImageNeverPull: not present`, 0, wire.CodeFailed},
		"agentd's image that isn't there":  {installIs(waiting("agentd", "ErrImagePull", "i: not found")), `image "i" can't be pulled`, 0, wire.CodeFailed},
		"no room": {
			noRoom("0/1 nodes are available: 1 Insufficient cpu."),
			"no node takes it: 0/1 nodes are available: 1 Insufficient cpu.", roomTime, wire.CodeUnavailable,
		},
		"a node that has just come": {noRoom(tainted), "no node takes it: " + tainted, taintTime, wire.CodeUnavailable},
		"no room but on the control plane": {
			noRoom("0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s)."),
			"no node takes it: 0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s).", roomTime, wire.CodeUnavailable,
		},
		"a Secret that isn't there": {
			agentIs(waiting("agent", "CreateContainerConfigError", `secret "x" not found`)), `image "i": CreateContainerConfigError: secret "x" not found`, retryTime, wire.CodeFailed,
		},
		"an image without agentd":                {agentIs(terminated("agent", 128, "StartError", "failed to create task: "+notFound)), noAgentd, 0, wire.CodeFailed},
		"an image without agentd, docker's way":  {agentIs(terminated("agent", 127, "ContainerCannotRun", notFound)), noAgentd, 0, wire.CodeFailed},
		"an image without agentd, another's way": {agentIs(waiting("agent", "CreateContainerError", notFound)), noAgentd, 0, wire.CodeFailed},
		"an agentd image without it":             {installIs(terminated("agentd", 128, "StartError", `exec: "/agentd": stat /agentd: no such file or directory`)), noInstall, 0, wire.CodeFailed},
		"a container that can't be started": {
			agentIs(terminated("agent", 128, "StartError", "exec format error")), "agentd ended with status 128 (StartError): exec format error", 0, wire.CodeFailed,
		},
		"a mount that fails is no missing agentd": {
			agentIs(terminated("agent", 128, "StartError", `error mounting "x": no such file or directory`)),
			`agentd ended with status 128 (StartError): error mounting "x": no such file or directory`, 0, wire.CodeFailed,
		},
		"a crash":                  {agentIs(terminated("agent", 134, "Error", "")), "agentd ended with status 134 (Error)", 0, wire.CodeFailed},
		"an end without a fault":   {agentIs(terminated("agent", 0, "Completed", "")), "agentd ended with status 0 (Completed)", 0, wire.CodeFailed},
		"an install that fails":    {installIs(terminated("agentd", 1, "Error", "")), "agentd ended with status 1 (Error)", 0, wire.CodeFailed},
		"memory that ran out":      {agentIs(terminated("agent", 137, "OOMKilled", "")), "it ran out of memory (OOMKilled): raise GC_K8S_MEM_LIMIT", 0, wire.CodeFailed},
		"a node that shuts down":   {refusedFor("NodeShutdown"), "its node did not take it: NodeShutdown: Pod was rejected", 0, wire.CodeUnavailable},
		"a node that filled up":    {refusedFor("OutOfcpu"), "its node did not take it: OutOfcpu: Pod was rejected", 0, wire.CodeUnavailable},
		"a node that got a taint":  {refusedFor("TaintToleration"), "its node did not take it: TaintToleration: Pod was rejected", 0, wire.CodeUnavailable},
		"a node without AppArmor":  {refusedFor("AppArmor"), "it failed: AppArmor Pod was rejected", 0, wire.CodeFailed},
		"a pod of more importance": {disrupted("PreemptionByScheduler", corev1.PodRunning, &now), "the cluster took it away: PreemptionByScheduler: so it is", 0, wire.CodeUnavailable},
		"a drain":                  {disrupted("EvictionByEvictionAPI", corev1.PodPending, &now), "the cluster took it away: EvictionByEvictionAPI: so it is", 0, wire.CodeUnavailable},
		"a node that is lost":      {disrupted("DeletionByPodGC", corev1.PodFailed, nil), "the cluster took it away: DeletionByPodGC: so it is", 0, wire.CodeUnavailable},
		"a node that shut it down": {disrupted("TerminationByKubelet", corev1.PodFailed, nil), "the cluster took it away: TerminationByKubelet: so it is", 0, wire.CodeUnavailable},
		"an eviction that was not": {disrupted("EvictionByEvictionAPI", corev1.PodRunning, nil), "", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := diagnose(test.pod)
			if got.what != test.what || got.patience != test.patience || got.code != test.code || got.room != strings.HasPrefix(test.what, "no node takes it") {
				t.Errorf("got  %+v\nwant %q, patience %v, code %q", got, test.what, test.patience, test.code)
			}
		})
	}
}
