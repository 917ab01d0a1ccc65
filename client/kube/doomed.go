package kube

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/gascity/agentd/agentd/wire"
)

const (
	// roomTime is how long a pod may find no node: a moment ago another pod may have left, and the scheduler looks again after each change. The Cluster Autoscaler, which
	// adds a node, looks every 10 s.
	roomTime = 12 * time.Second
	// taintTime is how long every node with room may refuse pods: one that has just come, or is back, does until its network is up and the node controller,
	// which looks every 5 s, has seen it.
	taintTime = 15 * time.Second
	// retryTime is how long a fault may last that Kubernetes tries to get over by itself, and often does.
	retryTime = 8 * time.Second
	// lookTime is how long a pod may go on unchanged before it is looked at again all the same.
	lookTime = 30 * time.Second
)

// Doomed waits until the pod turns out never to come up, or to have gone, and tells how far it is.
func (e *endpoint) Doomed(ctx context.Context, tell func(step string)) error {
	var troubled time.Time // since when there is the trouble of last time
	var last string
	steps, told := steps{began: time.Now()}, "nothing"
	for {
		was, changed := e.watched()
		pod := was
		if pod == nil {
			now, err := e.current(ctx)
			if err == nil && now == nil {
				return wire.Errorf(wire.CodeFailed, "pod %q was deleted by someone else", e.name)
			}
			pod = now
		}
		again := time.Second // where the API server did not answer
		if pod != nil {
			again = lookTime
			t := diagnose(pod)
			step, next := steps.step(ctx, e, pod)
			if t.what == "" {
				t = steps.stuck
			}
			// One that seems to be over is not forgotten: between two attempts at an image a container looks as if nothing were wrong.
			if kind := t.kind(); kind != "" && kind != last {
				last, troubled = kind, time.Now()
			}
			if step != told {
				told = step
				tell(step)
			}
			if !next.IsZero() {
				again = max(time.Until(next), 0)
			}
			switch left := t.patience - time.Since(troubled); {
			case t.what == "":
			case left > 0:
				again = min(again, left)
				if t.noted {
					steps.askWithin(left) // it may be over by then
				}
			case t.room && e.nodesToCome(ctx): // the cluster makes room
			default:
				return e.verdict(ctx, t)
			}
		}
		if e.await(ctx, was, changed, again); ctx.Err() != nil {
			return nil
		}
	}
}

// trouble is what keeps a pod from coming up.
type trouble struct {
	what     string        // in words; empty when there is none
	patience time.Duration // how long it may last
	code     wire.Code
	room     bool // there is no room for the pod in the cluster
	noted    bool // events tell of it, and nothing in the pod does
}

// kind tells one trouble from another. The scheduler words the same one anew as nodes and other pods come and go.
func (t trouble) kind() string {
	if t.room {
		return "room"
	}
	return t.what
}

// diagnose says what keeps a pod from running its agentd, or has ended it.
func diagnose(pod *corev1.Pod) trouble {
	if what := unlucky(pod); what != "" {
		return trouble{what: what, code: wire.CodeUnavailable}
	}
	if pod.DeletionTimestamp != nil {
		return trouble{what: "it was told to end by someone else", code: wire.CodeFailed}
	}
	for _, status := range pod.Status.InitContainerStatuses {
		if t := containerTrouble(&status); t.what != "" && (status.State.Terminated == nil || status.State.Terminated.ExitCode != 0) {
			return t
		}
	}
	if agent := agentStatus(pod); agent != nil {
		if t := containerTrouble(agent); t.what != "" {
			return t
		}
	}
	if pod.Status.Phase == corev1.PodFailed {
		return trouble{what: strings.TrimSpace("it failed: " + pod.Status.Reason + " " + pod.Status.Message), code: wire.CodeFailed}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			t := trouble{what: "no node takes it: " + c.Message, patience: roomTime, code: wire.CodeUnavailable, room: true}
			if strings.Contains(c.Message, "untolerated taint") && !strings.Contains(c.Message, "Insufficient") {
				t.patience = taintTime
			}
			return t
		}
	}
	return trouble{}
}

// unlucky says why its node, or the cluster, did not take the pod or ended it, where that is no fault of the pod's: another one may do better. It is empty
// where they did neither.
func unlucky(pod *corev1.Pod) string {
	failed, status := pod.Status.Phase == corev1.PodFailed, pod.Status
	switch {
	case status.Reason == "Evicted":
		return "it was evicted: " + status.Message
	case failed && notAdmitted(status.Reason):
		return "its node did not take it: " + status.Reason + ": " + status.Message
	case !failed && pod.DeletionTimestamp == nil:
		return ""
	}
	for _, c := range status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			return "the cluster took it away: " + c.Reason + ": " + c.Message
		}
	}
	return ""
}

// notAdmitted recognises the reasons for which a kubelet refuses a pod that the scheduler gave it: what was free, or allowed, a moment ago is not any more.
func notAdmitted(reason string) bool {
	switch reason {
	case "NodeAffinity", "NodeShutdown", "TaintToleration", "TopologyAffinityError", "UnexpectedAdmissionError":
		return true
	}
	return strings.HasPrefix(reason, "OutOf") // cpu, memory, pods, …
}

// containerTrouble says what is wrong with a container.
func containerTrouble(status *corev1.ContainerStatus) trouble {
	if t := status.State.Terminated; t != nil {
		return terminationTrouble(status, t)
	}
	w := status.State.Waiting
	if w == nil {
		return trouble{}
	}
	what := fmt.Sprintf("image %q: %s: %s", status.Image, w.Reason, w.Message)
	switch w.Reason {
	case "ErrImagePull", "ImagePullBackOff":
		// A registry that is down for a moment looks the same, except for the words.
		t := trouble{what: fmt.Sprintf("image %q can't be pulled", status.Image), patience: retryTime, code: wire.CodeUnavailable}
		if notThere(w.Message) {
			t.patience, t.code = 0, wire.CodeFailed
		}
		return t
	case "ErrImageNeverPull", "InvalidImageName", "ImageInspectError":
		return trouble{what: what, code: wire.CodeFailed}
	case "CreateContainerConfigError":
		return trouble{what: what, patience: retryTime, code: wire.CodeFailed}
	case "CreateContainerError", "RunContainerError":
		if noSuchProgram(w.Message) {
			return noAgentd(status)
		}
		return trouble{what: what, patience: retryTime, code: wire.CodeFailed}
	case "CrashLoopBackOff":
		return trouble{what: what, code: wire.CodeFailed}
	}
	return trouble{}
}

// notThere recognises what registries, and the runtime, say of an image that no trying again brings. "no such host" is
// not among it: the node's resolver says so, too, when it can't reach the one that knows.
func notThere(message string) bool {
	for _, words := range []string{"not found", "NotFound", "does not exist", "manifest unknown", "unauthorized", "denied", "403 Forbidden"} {
		if strings.Contains(message, words) {
			return true
		}
	}
	return false
}

// noSuchProgram recognises what runtimes say when the image lacks the container's program; a mount that lacks its source sounds alike.
func noSuchProgram(message string) bool {
	return strings.Contains(message, "exec: ") && (strings.Contains(message, "executable file not found") || strings.Contains(message, "no such file or directory"))
}

func noAgentd(status *corev1.ContainerStatus) trouble {
	what := "image %q has no agentd: set GC_K8S_AGENTD_IMAGE to the image that brings it, or build the image with it"
	if status.Name == initContainer {
		what = "image %q, of GC_K8S_AGENTD_IMAGE, has no /agentd"
	}
	return trouble{what: fmt.Sprintf(what, status.Image), code: wire.CodeFailed}
}

func terminationTrouble(status *corev1.ContainerStatus, t *corev1.ContainerStateTerminated) trouble {
	switch {
	case t.Reason == "OOMKilled":
		return trouble{what: "it ran out of memory (OOMKilled): raise GC_K8S_MEM_LIMIT", code: wire.CodeFailed}
	case neverRan(t) && noSuchProgram(t.Message):
		return noAgentd(status)
	case neverRan(t):
		return trouble{what: fmt.Sprintf("agentd ended with status %d (%s): %s", t.ExitCode, t.Reason, t.Message), code: wire.CodeFailed}
	}
	return trouble{what: fmt.Sprintf("agentd ended with status %d (%s)", t.ExitCode, t.Reason), code: wire.CodeFailed}
}

// verdict puts the trouble in words, with what the pod's events and its agentd have to say.
func (e *endpoint) verdict(ctx context.Context, t trouble) error {
	text := with(fmt.Sprintf("pod %q: %s", e.name, wire.OneLine(t.what)), e.evidence(ctx))
	return wire.Errorf(t.code, "%s", text)
}
