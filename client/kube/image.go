package kube

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/hub"
)

const (
	// checkTime bounds the check of an image, which may have to be pulled. gc gives an operation 30 s, and why it failed is looked for after it.
	checkTime = 24 * time.Second
	// checkApp labels pods that check something, to tell them from agents'.
	checkApp = "agentd-check"
)

// CheckImage lets the agentd of a pod as a start would make it tell whether an agent could run there: whether nodes can pull an image, nothing else tells.
func (b *Backend) CheckImage(ctx context.Context, q wire.CheckImage) error {
	if !isImage(q.Image) {
		return bad("image %q: that can't be an image's name", q.Image)
	}
	s, err := parseSettings(append(slices.Clone(q.BaseEnv), "GC_K8S_IMAGE="+q.Image))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	said, err := b.Try(ctx, Trial{Image: q.Image, Command: []string{s.agentd(), "check"}, settings: s})
	if err != nil && said != "" {
		return wire.Errorf(wire.CodeFailed, "image %q: %s", q.Image, wire.OneLine(said))
	}
	return err
}

// neverRan says that the container could not be started.
func neverRan(end *corev1.ContainerStateTerminated) bool {
	return end.Reason == "StartError" || end.Reason == "ContainerCannotRun"
}

// Trial is a command to run in an image, in a pod like a session's.
type Trial struct {
	Image   string
	Command []string

	settings settings // what the pod is like otherwise
}

// Try runs a command in a pod of its own, which is removed again, and gives what it printed. A command that fails is an error with that.
func (b *Backend) Try(ctx context.Context, trial Trial) (string, error) {
	pods := b.client.core.Pods(b.target.Namespace)
	pod := trialPod(b.target.Namespace, trial)
	made, err := pods.Create(ctx, pod, metav1.CreateOptions{})
	if !refused(err) { // one may have been made although the answer was lost
		defer b.removeCheck(ctx, pod.Name)
	}
	if err != nil {
		return "", b.explain("make a pod to try it in", err)
	}
	tick := time.NewTicker(200 * time.Millisecond) // one pod for seconds: a watch would not be worth its while
	defer tick.Stop()
	last := made
	for {
		pod, err := pods.Get(ctx, made.Name, metav1.GetOptions{})
		switch {
		case err == nil:
			last = pod
		case ctx.Err() != nil: // the time was up while the API server was asked
			return "", b.tryLate(ctx, last, trial)
		default:
			return "", b.explain("look at the pod that tries it", err)
		}
		if agent := agentStatus(pod); agent != nil && agent.State.Terminated != nil {
			switch end := agent.State.Terminated; {
			case !neverRan(end):
				return b.outcome(ctx, pod, end)
			case trial.Command[0] != "agentd":
				return "", wire.Errorf(wire.CodeFailed, "image %q can't run %q: %s", trial.Image, trial.Command[0], wire.OneLine(end.Message))
			}
		}
		if t := diagnose(pod); t.what != "" && t.patience == 0 {
			return "", b.tryTrouble(ctx, pod, t)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", b.tryLate(ctx, last, trial)
		}
	}
}

// tryLate says what a trial's pod, as it was seen last, was about when the time was up.
func (b *Backend) tryLate(ctx context.Context, pod *corev1.Pod, trial Trial) error {
	t := diagnose(pod)
	if t.what == "" {
		t = trouble{what: fmt.Sprintf("the pod that tries image %q did not come up in time", trial.Image), code: wire.CodeUnavailable}
	}
	return b.tryTrouble(ctx, pod, t)
}

// tryTrouble puts what keeps a trial's pod from coming up in the words of a start.
func (b *Backend) tryTrouble(ctx context.Context, pod *corev1.Pod, t trouble) error {
	return wire.Errorf(t.code, "%s", with(wire.OneLine(t.what), newEndpoint(b, pod).evidence(ctx)))
}

// trialPod is a session's pod, less what a trial has no use for: the agent's secrets, its account's token, probes of what serves nothing, and the room that an
// agent asks for. By its labels it is nobody's agent.
func trialPod(namespace string, trial Trial) *corev1.Pod {
	s := trial.settings
	s.image, s.resources = trial.Image, trialResources(s.resources)
	pod := newPod(namespace, hub.Spec{}, s)
	pod.ObjectMeta = metav1.ObjectMeta{
		Name: "agentd-check-" + strings.ToLower(rand.Text()[:10]), Namespace: namespace,
		Labels: map[string]string{labelApp: checkApp}, Annotations: map[string]string{annotationPasswd: passwd(s)},
	}
	pod.Spec.AutomountServiceAccountToken = new(false)
	pod.Spec.TerminationGracePeriodSeconds, pod.Spec.ActiveDeadlineSeconds = new(int64(1)), new(int64(60))
	container := &pod.Spec.Containers[0]
	container.Command = trial.Command
	container.StartupProbe, container.LivenessProbe, container.ReadinessProbe = nil, nil, nil
	secret := map[string]bool{}
	pod.Spec.Volumes = slices.DeleteFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		secret[v.Name] = v.Secret != nil
		return v.Secret != nil
	})
	container.VolumeMounts = slices.DeleteFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return secret[m.Name] })
	return pod
}

// trialResources ask for next to nothing: where nodes or a quota are full of agents, an image is no worse. They ask for something, and keep the agent's limits,
// as a namespace may demand that every container says what it takes.
func trialResources(agent corev1.ResourceRequirements) corev1.ResourceRequirements {
	r := *agent.DeepCopy()
	for name, little := range map[corev1.ResourceName]string{corev1.ResourceCPU: "10m", corev1.ResourceMemory: "32Mi"} {
		amount := resource.MustParse(little)
		if asked := r.Requests[name]; asked.Cmp(amount) > 0 { // the limit may be as small as what is asked for
			r.Requests[name] = amount
		}
	}
	return r
}

// outcome gives what the command printed.
func (b *Backend) outcome(ctx context.Context, pod *corev1.Pod, t *corev1.ContainerStateTerminated) (string, error) {
	said, err := b.client.core.Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: agentContainer}).DoRaw(ctx)
	if err != nil {
		return "", b.explain("read what the pod said", err)
	}
	text := strings.TrimSpace(string(said))
	if t.ExitCode != 0 {
		return text, wire.Errorf(wire.CodeFailed, "status %d: %s", t.ExitCode, wire.OneLine(text))
	}
	return text, nil
}

func (b *Backend) removeCheck(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	if err := b.client.core.Pods(b.target.Namespace).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}); err != nil && !apierrors.IsNotFound(err) {
		b.log.Warn("a pod that tried something is left", "pod", name, "error", err)
	}
}
