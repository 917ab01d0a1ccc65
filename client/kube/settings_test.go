package kube

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/gascity/agentd/agentd/wire"
)

func TestSettingsThatNobodySetAreTheScripts(t *testing.T) {
	t.Parallel()
	s, err := parseSettings([]string{"GC_K8S_IMAGE=i", "GC_K8S_CPU_LIMIT=", "GC_K8S_DOLT_PORT= ", "odd"})
	if err != nil {
		t.Fatal(err)
	}
	r := s.resources
	s.resources = corev1.ResourceRequirements{}
	want := settings{image: "i", pullPolicy: "IfNotPresent", user: "agent", uid: 1000, doltHost: "dolt.gc.svc.cluster.local", doltPort: "3307"}
	if !equalSettings(s, want) {
		t.Errorf("got %+v, want %+v", s, want)
	}
	for name, pair := range map[string][2]string{
		"cpu request": {r.Requests.Cpu().String(), "500m"}, "memory request": {r.Requests.Memory().String(), "1Gi"},
		"cpu limit": {r.Limits.Cpu().String(), "2"}, "memory limit": {r.Limits.Memory().String(), "4Gi"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %s, want %s", name, pair[0], pair[1])
		}
	}
}

// equalSettings compares all but the resources.
func equalSettings(a, b settings) bool {
	return a.image == b.image && a.agentdImage == b.agentdImage && a.pullPolicy == b.pullPolicy && a.pullSecret == b.pullSecret &&
		a.serviceAccount == b.serviceAccount && a.prebaked == b.prebaked && a.user == b.user && a.uid == b.uid && a.doltHost == b.doltHost && a.doltPort == b.doltPort
}

func TestEachSettingIsHeeded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		variable string
		got      func(settings) any
		want     any
	}{
		{"GC_K8S_IMAGE=registry:5000/agent@sha256:" + strings.Repeat("a", 64), func(s settings) any { return s.image }, "registry:5000/agent@sha256:" + strings.Repeat("a", 64)},
		{"GC_K8S_IMAGE= agent\n", func(s settings) any { return s.image }, "agent"},
		{"GC_K8S_AGENTD_IMAGE=agentd:1", func(s settings) any { return s.agentdImage }, "agentd:1"},
		{"GC_K8S_IMAGE_PULL_SECRET=a.b", func(s settings) any { return s.pullSecret }, "a.b"},
		{"GC_K8S_IMAGE_PULL_POLICY=Always", func(s settings) any { return s.pullPolicy }, corev1.PullAlways},
		{"GC_K8S_IMAGE_PULL_POLICY=Never", func(s settings) any { return s.pullPolicy }, corev1.PullNever},
		{"GC_K8S_SERVICE_ACCOUNT=robot", func(s settings) any { return s.serviceAccount }, "robot"},
		{"GC_K8S_PREBAKED=true", func(s settings) any { return s.prebaked }, true},
		{"GC_K8S_PREBAKED=True", func(s settings) any { return s.prebaked }, true},
		{"GC_K8S_PREBAKED=1", func(s settings) any { return s.prebaked }, true},
		{"GC_K8S_PREBAKED=false", func(s settings) any { return s.prebaked }, false},
		{"LINUX_USERNAME=_dev-1", func(s settings) any { return s.user }, "_dev-1"},
		{"GC_K8S_RUN_AS_USER=2147483647", func(s settings) any { return s.uid }, int64(2147483647)},
		{"GC_K8S_DOLT_HOST=db", func(s settings) any { return s.doltHost }, "db"},
		{"GC_K8S_DOLT_PORT=65535", func(s settings) any { return s.doltPort }, "65535"},
		{"GC_K8S_CPU_REQUEST=0", func(s settings) any { return s.resources.Requests.Cpu().String() }, "0"},
		{"GC_K8S_CPU_REQUEST=2000m", func(s settings) any { return s.resources.Requests.Cpu().String() }, "2"},
		{"GC_K8S_MEM_REQUEST=4096Mi", func(s settings) any { return s.resources.Requests.Memory().String() }, "4Gi"},
		{"GC_K8S_CPU_LIMIT=0.5", func(s settings) any { return s.resources.Limits.Cpu().String() }, "500m"},
		{"GC_K8S_MEM_LIMIT=1e10", func(s settings) any { return s.resources.Limits.Memory().Value() }, int64(1e10)},
	} {
		t.Run(test.variable, func(t *testing.T) {
			t.Parallel()
			s, err := parseSettings([]string{"GC_K8S_IMAGE=i", test.variable})
			if err != nil {
				t.Fatal(err)
			}
			if got := test.got(s); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestASettingThatCantBeRightIsSaidInOneLine(t *testing.T) {
	t.Parallel()
	const subdomain = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
	const user = "a user's name has at most 32 lower-case letters, digits, - and _, and begins with a letter or _"
	const quantity = "give a quantity as in 500m (processors) or 4Gi (memory)"
	for _, test := range []struct{ variables, want string }{
		{"GC_K8S_IMAGE=", "GC_K8S_IMAGE is not set: it names the image that agents run in"},
		{"GC_K8S_IMAGE=  ", "GC_K8S_IMAGE is not set: it names the image that agents run in"},
		{"GC_K8S_IMAGE=a b", `GC_K8S_IMAGE is "a b": an image's name is as in registry/name:tag, in lower-case letters`},
		{"GC_K8S_AGENTD_IMAGE=a\tb", `GC_K8S_AGENTD_IMAGE is "a\tb": an image's name is as in registry/name:tag, in lower-case letters`},
		{"GC_K8S_IMAGE=a b|GC_K8S_AGENTD_IMAGE=a b", `GC_K8S_IMAGE is "a b": an image's name is as in registry/name:tag, in lower-case letters`},
		{"GC_K8S_IMAGE_PULL_SECRET=A", `GC_K8S_IMAGE_PULL_SECRET is "A": ` + subdomain},
		{"GC_K8S_SERVICE_ACCOUNT=a_b", `GC_K8S_SERVICE_ACCOUNT is "a_b": ` + subdomain},
		{"GC_K8S_SERVICE_ACCOUNT=A|GC_K8S_IMAGE_PULL_SECRET=B", `GC_K8S_SERVICE_ACCOUNT is "A": ` + subdomain},
		{"GC_K8S_IMAGE_PULL_POLICY=always", `GC_K8S_IMAGE_PULL_POLICY is "always": give Always, IfNotPresent or Never`},
		{"GC_K8S_PREBAKED=maybe", `GC_K8S_PREBAKED is "maybe": give true or false`},
		{"GC_K8S_RUN_AS_USER=0", `GC_K8S_RUN_AS_USER is "0": give a user id above 0`},
		{"GC_K8S_RUN_AS_USER=-1", `GC_K8S_RUN_AS_USER is "-1": give a user id above 0`},
		{"GC_K8S_RUN_AS_USER=agent", `GC_K8S_RUN_AS_USER is "agent": give a user id above 0`},
		{"GC_K8S_RUN_AS_USER=2147483648", `GC_K8S_RUN_AS_USER is "2147483648": give a user id above 0`},
		{"LINUX_USERNAME=Dev", `LINUX_USERNAME is "Dev": ` + user},
		{"LINUX_USERNAME=1a", `LINUX_USERNAME is "1a": ` + user},
		{"LINUX_USERNAME=a:b", `LINUX_USERNAME is "a:b": ` + user},
		{"LINUX_USERNAME=a\nb", `LINUX_USERNAME is "a\nb": ` + user},
		{"LINUX_USERNAME=" + strings.Repeat("a", 33), `LINUX_USERNAME is "` + strings.Repeat("a", 33) + `": ` + user},
		{"LINUX_USERNAME=root", `LINUX_USERNAME is "root": an agent can't be root in its pod`},
		{"GC_K8S_DOLT_PORT=0", `GC_K8S_DOLT_PORT is "0": give a port, 1 to 65535`},
		{"GC_K8S_DOLT_PORT=65536", `GC_K8S_DOLT_PORT is "65536": give a port, 1 to 65535`},
		{"GC_K8S_DOLT_PORT=tcp://10.0.0.1:3307", `GC_K8S_DOLT_PORT is "tcp://10.0.0.1:3307": give a port, 1 to 65535`},
		{"GC_K8S_CPU_REQUEST=-1", `GC_K8S_CPU_REQUEST is "-1": ` + quantity},
		{"GC_K8S_MEM_REQUEST=1 Gi", `GC_K8S_MEM_REQUEST is "1 Gi": ` + quantity},
		{"GC_K8S_CPU_LIMIT=two", `GC_K8S_CPU_LIMIT is "two": ` + quantity},
		{"GC_K8S_MEM_LIMIT=4GB", `GC_K8S_MEM_LIMIT is "4GB": ` + quantity},
		{"GC_K8S_MEM_REQUEST=512m", `GC_K8S_MEM_REQUEST is "512m": m stands for a thousandth of a byte, Mi for a mebibyte`},
		{"GC_K8S_CPU_REQUEST=3", `GC_K8S_CPU_REQUEST is 3, more than GC_K8S_CPU_LIMIT, which is 2`},
		{"GC_K8S_CPU_LIMIT=0", `GC_K8S_CPU_REQUEST is 500m, more than GC_K8S_CPU_LIMIT, which is 0`},
		{"GC_K8S_MEM_LIMIT=512Mi", `GC_K8S_MEM_REQUEST is 1Gi, more than GC_K8S_MEM_LIMIT, which is 512Mi`},
		{"GC_K8S_CPU_REQUEST=3|GC_K8S_MEM_REQUEST=5Gi", `GC_K8S_CPU_REQUEST is 3, more than GC_K8S_CPU_LIMIT, which is 2`},
	} {
		t.Run(test.variables, func(t *testing.T) {
			t.Parallel()
			_, err := parseSettings(append([]string{"GC_K8S_IMAGE=i"}, strings.Split(test.variables, "|")...))
			if wire.CodeOf(err) != wire.CodeBadRequest {
				t.Fatalf("got %v, of code %q, want one of code %q", err, wire.CodeOf(err), wire.CodeBadRequest)
			}
			got, _, _ := strings.Cut(err.Error(), " (e.g.") // Kubernetes goes on with examples and a regular expression
			if got != test.want || strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("got  %s\nwant %s", err, test.want)
			}
		})
	}
}
