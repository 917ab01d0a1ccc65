package kube

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/agentd/wire"
)

const (
	// checkTime bounds the check of an image, which may have to be pulled. gc gives an operation 30 s.
	checkTime = 25 * time.Second
	// checkApp labels pods that check something, to tell them from agents'.
	checkApp = "agentd-check"
)

// CheckImage lets a pod of that image say its agentd's version: whether nodes can pull an image, nothing else tells.
func (b *Backend) CheckImage(ctx context.Context, image string) error {
	if !isImage(image) {
		return bad("image %q: that can't be an image's name", image)
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	_, err := b.Try(ctx, Trial{Image: image, Command: []string{"agentd", "version"}})
	return err
}

// neverRan says that the container could not be started.
func neverRan(end *corev1.ContainerStateTerminated) bool {
	return end.Reason == "StartError" || end.Reason == "ContainerCannotRun"
}

// Trial is a command to run in an image.
type Trial struct {
	Image   string
	Command []string

	pullSecret string
	pullPolicy corev1.PullPolicy
}

// Try runs a command in a pod of its own, which is removed again, and gives what it printed. A command that fails is an error with that.
func (b *Backend) Try(ctx context.Context, trial Trial) (string, error) {
	pods := b.client.core.Pods(b.target.Namespace)
	pod := checkPod(trial)
	made, err := pods.Create(ctx, pod, metav1.CreateOptions{})
	if !refused(err) { // one may have been made although the answer was lost
		defer b.removeCheck(ctx, pod.Name)
	}
	if err != nil {
		return "", b.explain("make a pod to try it in", err)
	}
	tick := time.NewTicker(200 * time.Millisecond) // one pod for seconds: a watch would not be worth its while
	defer tick.Stop()
	for {
		pod, err := pods.Get(ctx, made.Name, metav1.GetOptions{})
		if err != nil {
			return "", b.explain("look at the pod that tries it", err)
		}
		if agent := agentStatus(pod); agent != nil && agent.State.Terminated != nil {
			switch end := agent.State.Terminated; {
			case !neverRan(end):
				return b.outcome(ctx, pod, end)
			case trial.Command[0] != "agentd":
				return "", wire.Errorf(wire.CodeFailed, "image %q can't run %q: %s", trial.Image, trial.Command[0], oneLine(end.Message))
			}
		}
		if t := diagnose(pod); t.what != "" && t.patience == 0 {
			return "", wire.Errorf(t.code, "%s", oneLine(t.what))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t := diagnose(pod)
			if t.what == "" {
				t = trouble{what: fmt.Sprintf("the pod that tries image %q did not come up in time", trial.Image), code: wire.CodeUnavailable}
			}
			return "", wire.Errorf(t.code, "%s", oneLine(t.what))
		}
	}
}

func checkPod(trial Trial) *corev1.Pod {
	uid := int64(defaultUID)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "agentd-check-" + strings.ToLower(rand.Text()[:10]), Labels: map[string]string{labelApp: checkApp}},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, AutomountServiceAccountToken: ptr(false), EnableServiceLinks: ptr(false),
			TerminationGracePeriodSeconds: ptr(int64(1)), ActiveDeadlineSeconds: ptr(int64(60)),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: ptr(true), RunAsUser: &uid, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: agentContainer, Image: trial.Image, ImagePullPolicy: cmp.Or(trial.pullPolicy, corev1.PullIfNotPresent), Command: trial.Command, SecurityContext: unprivileged(),
				Resources: trialResources(),
			}},
		},
	}
	if trial.pullSecret != "" {
		pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: trial.pullSecret}}
	}
	return pod
}

// trialResources are little, but something: a namespace with a quota demands that every container says what it takes.
func trialResources() corev1.ResourceRequirements {
	little := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi")}
	most := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("256Mi")}
	return corev1.ResourceRequirements{Requests: little, Limits: most}
}

// outcome gives what the command printed.
func (b *Backend) outcome(ctx context.Context, pod *corev1.Pod, t *corev1.ContainerStateTerminated) (string, error) {
	said, err := b.client.core.Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: agentContainer}).DoRaw(ctx)
	if err != nil {
		return "", b.explain("read what the pod said", err)
	}
	text := strings.TrimSpace(string(said))
	if t.ExitCode != 0 {
		return text, wire.Errorf(wire.CodeFailed, "status %d: %s", t.ExitCode, oneLine(text))
	}
	return text, nil
}

func (b *Backend) removeCheck(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	zero := int64(0)
	if err := b.client.core.Pods(b.target.Namespace).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &zero}); err != nil && !apierrors.IsNotFound(err) {
		b.log.Warn("a pod that tried something is left", "pod", name, "error", err)
	}
}
