package kube

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/hub"
)

// manySettings are what shapes a pod.
var manySettings = []string{
	"GC_K8S_IMAGE=agents", "GC_K8S_AGENTD_IMAGE=agentd:1", "GC_K8S_IMAGE_PULL_POLICY=Always", "GC_K8S_IMAGE_PULL_SECRET=password", "GC_K8S_SERVICE_ACCOUNT=robot",
	"GC_K8S_RUN_AS_USER=12345", "LINUX_USERNAME=ada", "GC_K8S_CPU_REQUEST=3", "GC_K8S_CPU_LIMIT=4", "GC_K8S_MEM_REQUEST=5Gi", "GC_K8S_MEM_LIMIT=6Gi",
}

func TestATrialsPodIsASessionsWithoutItsSecretsAndItsRoom(t *testing.T) {
	t.Parallel()
	s, err := parseSettings(manySettings)
	if err != nil {
		t.Fatal(err)
	}
	want := newPod("gc", hub.Spec{Name: "s"}, s).Spec
	want.InitContainers[0].Resources = trialResources(s.resources)
	pod := trialPod("gc", Trial{Image: "agents", Command: []string{"a", "b"}, settings: s})
	got := pod.Spec
	for what, pair := range map[string][2]any{
		"init containers":        {got.InitContainers, want.InitContainers},
		"image":                  {got.Containers[0].Image, want.Containers[0].Image},
		"pull policy":            {got.Containers[0].ImagePullPolicy, want.Containers[0].ImagePullPolicy},
		"pull secrets":           {got.ImagePullSecrets, want.ImagePullSecrets},
		"service account":        {got.ServiceAccountName, want.ServiceAccountName},
		"security":               {got.SecurityContext, want.SecurityContext},
		"container's security":   {got.Containers[0].SecurityContext, want.Containers[0].SecurityContext},
		"resources":              {got.Containers[0].Resources, trialResources(s.resources)},
		"an agent's room, still": {s.resources.Requests.Cpu().String(), "3"},
		"command":                {got.Containers[0].Command, []string{"a", "b"}},
		"a token":                {*got.AutomountServiceAccountToken, false},
		"labels":                 {pod.Labels, map[string]string{"app": "agentd-check"}},
		"annotations":            {pod.Annotations, map[string]string{annotationPasswd: passwd(s)}},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: got %+v, want %+v", what, pair[0], pair[1])
		}
	}
	volumes := map[string]bool{}
	for _, v := range got.Volumes {
		volumes[v.Name] = true
		if v.Secret != nil {
			t.Errorf("the pod gets secret %q", v.Secret.SecretName)
		}
	}
	for _, m := range got.Containers[0].VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("volume %q is mounted, and not there", m.Name)
		}
	}
	for _, name := range []string{"passwd", "workspace", "agentd", "run"} {
		if !volumes[name] {
			t.Errorf("there is no volume %q", name)
		}
	}
	if c := got.Containers[0]; c.StartupProbe != nil || c.LivenessProbe != nil || c.ReadinessProbe != nil {
		t.Errorf("a pod that serves nothing is probed: %+v", c)
	}
}

func TestATrialAsksForLittleAndKeepsTheLimits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env  []string
		want string // requests, then limits
	}{
		"the usual":         {nil, "10m 32Mi, " + defaultCPULimit + " " + defaultMemoryLimit},
		"much":              {manySettings, "10m 32Mi, 4 6Gi"},
		"even less":         {[]string{"GC_K8S_CPU_REQUEST=5m", "GC_K8S_CPU_LIMIT=5m", "GC_K8S_MEM_REQUEST=16Mi", "GC_K8S_MEM_LIMIT=16Mi"}, "5m 16Mi, 5m 16Mi"},
		"nothing":           {[]string{"GC_K8S_CPU_REQUEST=0", "GC_K8S_MEM_REQUEST=0", "GC_K8S_MEM_LIMIT=1Gi"}, "0 0, " + defaultCPULimit + " 1Gi"},
		"as much as it may": {[]string{"GC_K8S_CPU_REQUEST=2", "GC_K8S_CPU_LIMIT=2", "GC_K8S_MEM_REQUEST=1Gi", "GC_K8S_MEM_LIMIT=1Gi"}, "10m 32Mi, 2 1Gi"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := checkIn(t, append(slices.Clone(test.env), "GC_K8S_AGENTD_IMAGE=agentd:1"), agentIs(terminated("agent", 0, "Completed", "")).Status, "agentd v1", "")
			if c.err != nil || len(c.pod.Spec.InitContainers) != 1 {
				t.Fatalf("got %+v", c)
			}
			for _, container := range append(c.pod.Spec.InitContainers, c.pod.Spec.Containers...) {
				r := container.Resources
				got := r.Requests.Cpu().String() + " " + r.Requests.Memory().String() + ", " + r.Limits.Cpu().String() + " " + r.Limits.Memory().String()
				if got != test.want {
					t.Errorf("%s: got %s, want %s", container.Name, got, test.want)
				}
			}
		})
	}
}

// checked is what a check of an image came to, and the pod that it made.
type checked struct {
	err     error
	pod     *corev1.Pod
	removed bool
}

// checkIn checks image "i" where the pod comes to a status, and its log and events say what is given.
func checkIn(t *testing.T, env []string, status corev1.PodStatus, log, event string) checked {
	t.Helper()
	var c checked
	b := newBackend(t, api(func(r *http.Request, body []byte) (int, any) {
		switch {
		case r.Method == http.MethodPost:
			c.pod = &corev1.Pod{}
			if err := json.Unmarshal(body, c.pod); err != nil {
				t.Error(err)
			}
			c.pod.UID = "1"
			return http.StatusCreated, c.pod
		case r.Method == http.MethodDelete:
			c.removed = true
			return http.StatusOK, metav1.Status{}
		case strings.HasSuffix(r.URL.Path, "/log") && log != "":
			return http.StatusOK, log
		case strings.HasSuffix(r.URL.Path, "/log"):
			return refusal(http.StatusBadRequest, metav1.StatusReasonBadRequest, "it never ran")
		case strings.HasSuffix(r.URL.Path, "/events") && event != "":
			return http.StatusOK, corev1.EventList{Items: []corev1.Event{{Type: corev1.EventTypeWarning, Reason: "Failed", Message: event}}}
		case strings.HasSuffix(r.URL.Path, "/events"):
			return http.StatusOK, corev1.EventList{}
		}
		pod := c.pod.DeepCopy()
		pod.Status = status
		return http.StatusOK, pod
	}))
	c.err = b.CheckImage(t.Context(), wire.CheckImage{Image: "i", BaseEnv: env})
	return c
}

func TestAnImageIsCheckedInThePodThatAStartWouldMake(t *testing.T) {
	t.Parallel()
	done := agentIs(terminated("agent", 0, "Completed", "")).Status
	for name, test := range map[string]struct {
		env            []string
		command        string
		init           string
		policy         corev1.PullPolicy
		secret, asUser string
	}{
		"without settings": {nil, "agentd check", "", "IfNotPresent", "", ""},
		"with an image of agents set, which it isn't about": {[]string{"GC_K8S_IMAGE=Not:An:Image"}, "agentd check", "", "IfNotPresent", "", ""},
		"with all settings": {manySettings, "/opt/agentd/agentd check", "agentd:1", "Always", "password", "robot"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := checkIn(t, test.env, done, "agentd v1", "")
			if c.err != nil || c.pod == nil || !c.removed {
				t.Fatalf("got %+v", c)
			}
			spec := c.pod.Spec
			var init, secret string
			if len(spec.InitContainers) > 0 {
				init = spec.InitContainers[0].Image
			}
			if len(spec.ImagePullSecrets) > 0 {
				secret = spec.ImagePullSecrets[0].Name
			}
			if spec.Containers[0].Image != "i" || strings.Join(spec.Containers[0].Command, " ") != test.command || init != test.init ||
				spec.Containers[0].ImagePullPolicy != test.policy || secret != test.secret || spec.ServiceAccountName != test.asUser {
				t.Errorf("the pod is %+v", spec)
			}
		})
	}
}

func TestWhyAnImageCantBeUsed(t *testing.T) {
	t.Parallel()
	const notFound = `exec: "agentd": executable file not found in $PATH`
	for name, test := range map[string]struct {
		env        []string
		status     corev1.PodStatus
		log, event string
		want       string
		code       wire.Code
	}{
		"it has no agentd": {
			status: agentIs(terminated("agent", 128, "StartError", notFound)).Status, event: "Error: " + notFound,
			want: `image "i" has no agentd: set GC_K8S_AGENTD_IMAGE to the image that brings it, or build the image with it: Failed: Error: ` + notFound, code: wire.CodeFailed,
		},
		"it has no tmux": {
			status: agentIs(terminated("agent", 1, "Error", "")).Status, log: "agentd: tmux is not installed\n",
			want: `image "i": agentd: tmux is not installed`, code: wire.CodeFailed,
		},
		"it can't be pulled": {
			status: agentIs(waiting("agent", "ErrImagePull", "i: not found")).Status, event: "Failed to pull image: i: not found",
			want: `image "i" can't be pulled: Failed: Failed to pull image: i: not found`, code: wire.CodeFailed,
		},
		"what is to bring agentd doesn't": {
			env:    []string{"GC_K8S_AGENTD_IMAGE=i"},
			status: installIs(terminated("agentd", 128, "StartError", `exec: "/agentd": stat /agentd: no such file or directory`)).Status,
			want:   `image "i", of GC_K8S_AGENTD_IMAGE, has no /agentd`, code: wire.CodeFailed,
		},
		"a setting is wrong": {
			env: []string{"GC_K8S_IMAGE_PULL_POLICY=always"}, want: `GC_K8S_IMAGE_PULL_POLICY is "always": give Always, IfNotPresent or Never`, code: wire.CodeBadRequest,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := checkIn(t, test.env, test.status, test.log, test.event)
			if c.err == nil || c.err.Error() != test.want || wire.CodeOf(c.err) != test.code {
				t.Errorf("got  %v, of code %q\nwant %s, of code %q", c.err, wire.CodeOf(c.err), test.want, test.code)
			}
			if (c.pod != nil) != c.removed {
				t.Errorf("made: %v, removed: %v", c.pod != nil, c.removed)
			}
		})
	}
}

// slowEnd answers as the API server does, until it has told of the pod once; then it leaves whoever asks for it without an answer.
type slowEnd struct {
	api
	told bool
}

// RoundTrip answers one request.
func (s *slowEnd) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/pods/agentd-check-") && !strings.HasSuffix(r.URL.Path, "/log") {
		if s.told {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		s.told = true
	}
	return s.api.RoundTrip(r)
}

func TestATrialWhoseTimeIsUpWhileItsPodIsAskedForSaysWhatThePodWasAbout(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pod  *corev1.Pod
		told bool // that is: the API server is silent from the start
		want string
	}{
		"a registry that is down": {pod: agentIs(waiting("agent", "ErrImagePull", "connection refused")), want: `image "i" can't be pulled`},
		"no room":                 {pod: noRoom("0/1 nodes"), want: "no node takes it: 0/1 nodes"},
		"a slow node":             {pod: agentIs(waiting("agent", "ContainerCreating", "")), want: `the pod that tries image "i" did not come up in time`},
		"nothing that is known":   {told: true, want: `the pod that tries image "i" did not come up in time`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBackend(t, &slowEnd{told: test.told, api: func(r *http.Request, body []byte) (int, any) {
					switch {
					case r.Method == http.MethodPost:
						var pod corev1.Pod
						if err := json.Unmarshal(body, &pod); err != nil {
							t.Error(err)
						}
						return http.StatusCreated, &pod
					case r.Method == http.MethodDelete:
						return http.StatusOK, metav1.Status{}
					case strings.HasSuffix(r.URL.Path, "/events"):
						return http.StatusOK, corev1.EventList{}
					case strings.HasSuffix(r.URL.Path, "/log"):
						return refusal(http.StatusBadRequest, metav1.StatusReasonBadRequest, "it never ran")
					}
					return http.StatusOK, test.pod
				}})
				began := time.Now()
				err := b.CheckImage(t.Context(), wire.CheckImage{Image: "i"})
				checkExplained(t, err, wire.CodeUnavailable, test.want)
				if took := time.Since(began); took != checkTime {
					t.Errorf("it took %v, want %v", took, checkTime)
				}
			})
		})
	}
}

func TestWhatCantBeAnImagesNameIsSaidWithoutAPod(t *testing.T) {
	t.Parallel()
	b := newBackend(t, api(func(r *http.Request, _ []byte) (int, any) {
		t.Errorf("%s %s", r.Method, r.URL)
		return refusal(http.StatusForbidden, metav1.StatusReasonForbidden, "no")
	}))
	if err := b.CheckImage(t.Context(), wire.CheckImage{Image: "Not:An:Image"}); wire.CodeOf(err) != wire.CodeBadRequest || !strings.Contains(err.Error(), `"Not:An:Image"`) {
		t.Errorf("got %v", err)
	}
}
