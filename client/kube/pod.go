package kube

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gascity/agentd/client/hub"
)

const (
	// podGrace is how long a pod may take to end, in seconds: agentd's own grace, and time to say goodbye.
	podGrace    = 15
	agentdGrace = "10s"
	// launchWithin is how long agentd waits for the files and the launch before it gives up: a start that was cut off leaves no pod that runs for ever.
	launchWithin = "5m"
)

// Where things are in a pod.
const (
	workspace    = "/workspace"
	installedAt  = "/opt/agentd"
	runDir       = "/run/agentd"
	keysDir      = "/run/secrets/agentd/keys"
	claudeDir    = "/run/secrets/agentd/claude"
	gitDir       = "/run/secrets/agentd/git"
	claudeSecret = "claude-credentials"
	gitSecret    = "git-credentials"
)

// newPod describes the pod of a session. It holds nothing of the agent's command or environment: they come with the launch, past the API server's records.
func newPod(namespace string, spec hub.Spec, s settings) *corev1.Pod {
	name := podName(spec.Name)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: namespace,
			Labels: map[string]string{
				labelApp: agentApp, labelSession: labelValue(spec.Name), labelManaged: "true",
				labelAgent: labelValue(cmp.Or(spec.Env["GC_ALIAS"], spec.Env["GC_AGENT"], spec.Name)),
			},
			Annotations: map[string]string{
				annotationName: spec.Name, annotationKey: spec.Key, annotationWorkDir: spec.WorkDir, annotationPasswd: passwd(s),
			},
		},
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			ServiceAccountName:            s.serviceAccount,
			AutomountServiceAccountToken:  new(s.serviceAccount != ""),
			EnableServiceLinks:            new(false), // a variable for each Service of the namespace is nothing an agent asked for
			TerminationGracePeriodSeconds: new(int64(podGrace)),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: new(true), RunAsUser: &s.uid, RunAsGroup: &s.uid, FSGroup: &s.uid,
				FSGroupChangePolicy: new(corev1.FSGroupChangeOnRootMismatch),
				SeccompProfile:      &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Volumes: volumes(s),
		},
	}
	if spec.City != "" {
		pod.Annotations[annotationCity] = spec.City
	}
	if s.pullSecret != "" {
		pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: s.pullSecret}}
	}
	agentd := s.agentd()
	if s.agentdImage != "" {
		pod.Spec.InitContainers = []corev1.Container{{
			Name: initContainer, Image: s.agentdImage, ImagePullPolicy: s.pullPolicy,
			Command: []string{"/agentd", "install", agentd}, SecurityContext: unprivileged(), Resources: installResources(s),
			VolumeMounts: []corev1.VolumeMount{{Name: "agentd", MountPath: installedAt}},
		}}
	}
	pod.Spec.Containers = []corev1.Container{{
		Name: agentContainer, Image: s.image, ImagePullPolicy: s.pullPolicy,
		Command: []string{agentd, "init"}, Env: environment(namespace, name, s), Resources: s.resources, SecurityContext: unprivileged(),
		Ports:        []corev1.ContainerPort{{Name: "health", ContainerPort: healthPort}},
		VolumeMounts: mounts(s),
		// agentd answers within milliseconds of its start; on a busy node that may be a while after the container's.
		StartupProbe: probe("/healthz", 1, 60),
		// A container that is ended for it is not started again, and its agent is lost: a minute is for the node, or the agent, that keeps all processors busy.
		LivenessProbe:  probe("/healthz", 10, 6),
		ReadinessProbe: probe("/readyz", 2, 1),
	}}
	return pod
}

// agentd is the program in the agent's container: the image's own, or the one that is put there.
func (s settings) agentd() string {
	if s.agentdImage != "" {
		return installedAt + "/agentd"
	}
	return "agentd"
}

// passwd gives the user id a name and a home, which git, ssh and many others want, in any image and without being root.
func passwd(s settings) string {
	return fmt.Sprintf("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n%s:x:%d:%d:%s:%s:/bin/bash\n",
		s.user, s.uid, s.uid, s.user, home(s))
}

func home(s settings) string { return "/home/" + s.user }

func unprivileged() *corev1.SecurityContext {
	return &corev1.SecurityContext{AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}
}

// installResources are the agent's, as a namespace may demand that every container has some. They add nothing: init containers run before the others.
func installResources(s settings) corev1.ResourceRequirements { return *s.resources.DeepCopy() }

func probe(path string, seconds, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("health")}},
		PeriodSeconds: seconds, TimeoutSeconds: min(seconds, 5), FailureThreshold: failures, SuccessThreshold: 1,
	}
}

// environment is agentd's own. The agent gets what of it is of use to it, and what the launch brings.
func environment(namespace, pod string, s settings) []corev1.EnvVar {
	return []corev1.EnvVar{
		{Name: "AGENTD_POD_UID", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.uid"}}},
		{Name: "AGENTD_AUDIENCE", Value: audience(namespace, pod, "$(AGENTD_POD_UID)")},
		{Name: "AGENTD_PUBLIC_KEYS", Value: keysDir + "/" + publicKey},
		{Name: "AGENTD_LISTEN", Value: fmt.Sprintf("tcp:127.0.0.1:%d", agentdPort)},
		{Name: "AGENTD_HEALTH", Value: fmt.Sprintf(":%d", healthPort)},
		{Name: "AGENTD_RUN_DIR", Value: runDir + "/run"},
		{Name: "AGENTD_STATE_DIR", Value: runDir + "/state"},
		{Name: "AGENTD_HOME_FALLBACK", Value: runDir + "/home"},
		{Name: "AGENTD_CLAUDE_CREDENTIALS", Value: claudeDir},
		{Name: "AGENTD_GIT_CREDENTIALS", Value: gitDir},
		{Name: "AGENTD_TERMINATION_META", Value: "true"},
		{Name: "AGENTD_GRACE", Value: agentdGrace},
		{Name: "AGENTD_LAUNCH_WITHIN", Value: launchWithin},
		{Name: "HOME", Value: home(s)},
		{Name: "USER", Value: s.user},
		{Name: "LOGNAME", Value: s.user},
		// The volume's own folder is root's, and git touches no repository whose folder is another user's.
		{Name: "GIT_CONFIG_COUNT", Value: "1"},
		{Name: "GIT_CONFIG_KEY_0", Value: "safe.directory"},
		{Name: "GIT_CONFIG_VALUE_0", Value: workspace},
	}
}

func volumes(s settings) []corev1.Volume {
	empty := corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	secret := func(name string, optional bool, items ...corev1.KeyToPath) corev1.VolumeSource {
		return corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name, Optional: &optional, Items: items, DefaultMode: new(int32(0o440))}}
	}
	list := []corev1.Volume{
		{Name: "run", VolumeSource: empty},
		{Name: "keys", VolumeSource: secret(keysSecret, false, corev1.KeyToPath{Key: publicKey, Path: publicKey})},
		{Name: "claude-credentials", VolumeSource: secret(claudeSecret, true)},
		{Name: "git-credentials", VolumeSource: secret(gitSecret, true)},
		{Name: "passwd", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{
			Items: []corev1.DownwardAPIVolumeFile{{Path: "passwd", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations['" + annotationPasswd + "']"}}},
		}}},
	}
	if !s.prebaked {
		list = append(list, corev1.Volume{Name: "workspace", VolumeSource: empty})
	}
	if s.agentdImage != "" {
		list = append(list, corev1.Volume{Name: "agentd", VolumeSource: empty})
	}
	return list
}

func mounts(s settings) []corev1.VolumeMount {
	list := []corev1.VolumeMount{
		{Name: "run", MountPath: runDir},
		{Name: "keys", MountPath: keysDir, ReadOnly: true},
		{Name: "claude-credentials", MountPath: claudeDir, ReadOnly: true},
		{Name: "git-credentials", MountPath: gitDir, ReadOnly: true},
		{Name: "passwd", MountPath: "/etc/passwd", SubPath: "passwd", ReadOnly: true},
	}
	if !s.prebaked {
		list = append(list, corev1.VolumeMount{Name: "workspace", MountPath: workspace})
	}
	if s.agentdImage != "" {
		list = append(list, corev1.VolumeMount{Name: "agentd", MountPath: installedAt, ReadOnly: true})
	}
	return list
}
