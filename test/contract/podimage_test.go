package contract_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gascity/agentd/test/cluster/archive"
)

// What check-image says of an image is what a start with the same settings meets.
func TestCheckImageSaysWhatAStartMeets(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	c := g.pods.cluster
	bare, fromAgentd := c.Derive(t, archive.Without("agentd")), "GC_K8S_AGENTD_IMAGE="+c.Agentd
	for name, test := range map[string]struct {
		image string
		env   []string
		want  []string // why not; nil where the image can be used
	}{
		"the agents' image":                  {image: c.Image},
		"an image without agentd":            {image: bare, want: []string{bare, "has no agentd", "GC_K8S_AGENTD_IMAGE"}},
		"an image that agentd is put into":   {image: bare, env: []string{fromAgentd}},
		"an image without anything":          {image: c.Busybox, want: []string{c.Busybox, "has no agentd", "GC_K8S_AGENTD_IMAGE"}},
		"an image without tmux":              {image: c.Busybox, env: []string{fromAgentd}, want: []string{"tmux is not installed"}},
		"an image that brings no agentd":     {image: c.Image, env: []string{"GC_K8S_AGENTD_IMAGE=" + c.Busybox}, want: []string{c.Busybox, "has no /agentd"}},
		"an image that isn't there":          {image: "localhost/no-such-image:1", env: []string{"GC_K8S_IMAGE_PULL_POLICY=Never"}, want: []string{"localhost/no-such-image:1", "ErrImageNeverPull"}},
		"a service account that isn't there": {image: c.Image, env: []string{"GC_K8S_SERVICE_ACCOUNT=nobody"}, want: []string{"nobody"}},
		"a setting that can't be right":      {image: c.Image, env: []string{"GC_K8S_IMAGE_PULL_POLICY=sometimes"}, want: []string{"GC_K8S_IMAGE_PULL_POLICY"}},
	} {
		t.Run(name, func(t *testing.T) {
			with := *g
			with.t, with.env = t, append(slices.Clone(g.env), test.env...)
			started := with
			started.env = append(slices.Clone(with.env), "GC_K8S_IMAGE="+test.image)
			start := started.tryStart("s", config{"command": "cat"})
			if test.want == nil {
				with.is("", "check-image", test.image)
				if start.status != 0 {
					t.Errorf("start: status %d: %s", start.status, start.stderr)
				}
				with.ok("stop", "s")
				return
			}
			said := with.fails("", "check-image", test.image)
			for _, want := range test.want {
				if !strings.Contains(said, want) || !strings.Contains(start.stderr, want) {
					t.Errorf("not both hold %q:\ncheck-image: %sstart:       %s", want, said, start.stderr)
				}
			}
		})
	}
	if left := g.kubectl("get", "pods", "-l", "app=agentd-check", "-o", "name"); left != "" {
		t.Errorf("it left %s", left)
	}
}
