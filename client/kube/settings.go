package kube

import (
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gascity/agentd/agentd/wire"
)

// settings say what pods are like. They come from the environment of whoever starts a session.
type settings struct {
	image          string
	agentdImage    string // brings agentd to images that have none; empty: the image has it
	pullPolicy     corev1.PullPolicy
	pullSecret     string
	serviceAccount string
	prebaked       bool
	user           string // the agent's user name
	uid            int64
	resources      corev1.ResourceRequirements
	doltHost       string
	doltPort       string
}

// The defaults are the script's, except for the user, whom it takes from the image.
const (
	defaultCPURequest    = "500m"
	defaultMemoryRequest = "1Gi"
	defaultCPULimit      = "2"
	defaultMemoryLimit   = "4Gi"
	defaultDoltHost      = "dolt.gc.svc.cluster.local"
	defaultDoltPort      = "3307"
	defaultUser          = "agent"
	defaultUID           = 1000
)

// variables looks up the settings in an environment, as os.Environ gives it.
type variables map[string]string

func variablesOf(env []string) variables {
	v := variables{}
	for _, pair := range env {
		if name, value, ok := strings.Cut(pair, "="); ok {
			v[name] = value
		}
	}
	return v
}

// or gives a variable's value, and another one where it is empty.
func (v variables) or(name, other string) string {
	if value := strings.TrimSpace(v[name]); value != "" {
		return value
	}
	return other
}

// parseSettings reads the settings. What can't be right is said by the variable's name.
func parseSettings(env []string) (settings, error) {
	v := variablesOf(env)
	s := settings{
		image: v.or("GC_K8S_IMAGE", ""), agentdImage: v.or("GC_K8S_AGENTD_IMAGE", ""), pullSecret: v.or("GC_K8S_IMAGE_PULL_SECRET", ""),
		serviceAccount: v.or("GC_K8S_SERVICE_ACCOUNT", ""), user: v.or("LINUX_USERNAME", defaultUser),
		doltHost: v.or("GC_K8S_DOLT_HOST", defaultDoltHost), doltPort: v.or("GC_K8S_DOLT_PORT", defaultDoltPort),
	}
	if s.image == "" {
		return s, bad("GC_K8S_IMAGE is not set: it names the image that agents run in")
	}
	for _, image := range []struct{ variable, name string }{{"GC_K8S_IMAGE", s.image}, {"GC_K8S_AGENTD_IMAGE", s.agentdImage}} {
		if image.name != "" && !isImage(image.name) {
			return s, bad("%s is %q: an image's name is as in registry/name:tag, in lower-case letters", image.variable, image.name)
		}
	}
	for _, object := range []struct{ variable, name string }{{"GC_K8S_SERVICE_ACCOUNT", s.serviceAccount}, {"GC_K8S_IMAGE_PULL_SECRET", s.pullSecret}} {
		if problems := validation.IsDNS1123Subdomain(object.name); object.name != "" && len(problems) > 0 {
			return s, bad("%s is %q: %s", object.variable, object.name, problems[0])
		}
	}
	var err error
	if s.prebaked, err = v.boolean("GC_K8S_PREBAKED"); err != nil {
		return s, err
	}
	if s.pullPolicy, err = v.pullPolicy(); err != nil {
		return s, err
	}
	if s.uid, err = v.uid(); err != nil {
		return s, err
	}
	if s.user == "root" {
		return s, bad("LINUX_USERNAME is %q: an agent can't be root in its pod", s.user)
	}
	if !validUser(s.user) {
		return s, bad("LINUX_USERNAME is %q: a user's name has at most 32 lower-case letters, digits, - and _, and begins with a letter or _", s.user)
	}
	if port, err := strconv.ParseUint(s.doltPort, 10, 16); err != nil || port == 0 {
		return s, bad("GC_K8S_DOLT_PORT is %q: give a port, 1 to 65535", s.doltPort)
	}
	s.resources, err = v.resources()
	return s, err
}

// isImage says whether that can be an image's name.
func isImage(image string) bool {
	_, err := name.ParseReference(image, name.WeakValidation)
	return err == nil
}

func bad(format string, args ...any) error { return wire.Errorf(wire.CodeBadRequest, format, args...) }

func (v variables) boolean(name string) (bool, error) {
	switch strings.ToLower(v.or(name, "false")) {
	case "true", "1", "yes":
		return true, nil
	case "false", "0", "no":
		return false, nil
	}
	return false, bad("%s is %q: give true or false", name, v[name])
}

func (v variables) pullPolicy() (corev1.PullPolicy, error) {
	const name = "GC_K8S_IMAGE_PULL_POLICY"
	switch policy := corev1.PullPolicy(v.or(name, string(corev1.PullIfNotPresent))); policy {
	case corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever:
		return policy, nil
	}
	return "", bad("%s is %q: give Always, IfNotPresent or Never", name, v[name])
}

// uid is the user id that the agent runs as. Root is refused: pods that run as root are refused by the restricted pod security standard.
func (v variables) uid() (int64, error) {
	const name = "GC_K8S_RUN_AS_USER"
	uid, err := strconv.ParseInt(v.or(name, strconv.Itoa(defaultUID)), 10, 32)
	if err != nil || uid <= 0 {
		return 0, bad("%s is %q: give a user id above 0", name, v[name])
	}
	return uid, nil
}

// validUser has the rule of useradd.
func validUser(name string) bool {
	if len(name) > 32 {
		return false
	}
	for i, c := range name {
		letter := c >= 'a' && c <= 'z' || c == '_'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return name != ""
}

// resources are the requests and limits of the agent's container.
func (v variables) resources() (corev1.ResourceRequirements, error) {
	r := corev1.ResourceRequirements{Requests: corev1.ResourceList{}, Limits: corev1.ResourceList{}}
	for _, q := range []struct {
		variable, usual string
		list            corev1.ResourceList
		name            corev1.ResourceName
	}{
		{"GC_K8S_CPU_REQUEST", defaultCPURequest, r.Requests, corev1.ResourceCPU},
		{"GC_K8S_MEM_REQUEST", defaultMemoryRequest, r.Requests, corev1.ResourceMemory},
		{"GC_K8S_CPU_LIMIT", defaultCPULimit, r.Limits, corev1.ResourceCPU},
		{"GC_K8S_MEM_LIMIT", defaultMemoryLimit, r.Limits, corev1.ResourceMemory},
	} {
		amount, err := resource.ParseQuantity(v.or(q.variable, q.usual))
		if err != nil || amount.Sign() < 0 {
			return r, bad("%s is %q: give a quantity as in 500m (processors) or 4Gi (memory)", q.variable, v[q.variable])
		}
		if value := v.or(q.variable, ""); q.name == corev1.ResourceMemory && strings.HasSuffix(value, "m") {
			return r, bad("%s is %q: m stands for a thousandth of a byte, Mi for a mebibyte", q.variable, value)
		}
		q.list[q.name] = amount
	}
	for _, of := range []struct {
		variable string
		name     corev1.ResourceName
	}{{"GC_K8S_CPU", corev1.ResourceCPU}, {"GC_K8S_MEM", corev1.ResourceMemory}} {
		request, limit := r.Requests[of.name], r.Limits[of.name]
		if request.Cmp(limit) > 0 {
			return r, bad("%s_REQUEST is %s, more than %s_LIMIT, which is %s", of.variable, request.String(), of.variable, limit.String())
		}
	}
	return r, nil
}
