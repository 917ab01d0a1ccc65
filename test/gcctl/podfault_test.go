package gcctl_test

import (
	"strings"
	"testing"

	"github.com/gascity/agentd/test/cluster"
)

func TestAPodThatGoesUnderAnAttachedTerminalGivesItBack(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	for name, how := range map[string][]string{
		"deleted": {"--wait=false"},
		"killed":  {"--grace-period=0", "--force"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := c.Namespace(t)
			h := newHome(t)
			h.inPods(c, namespace)
			h.start("s", "exec bash --norc")
			p := h.attached(90, 30, "s")
			p.sees(0, "$ ")
			pod := strings.TrimSpace(c.Run(t, "-n", namespace, "get", "pods", "-l", "app=gc-agent", "-o", "name"))
			if out, err := c.Try(t, append([]string{"-n", namespace, "delete", pod}, how...)...); err != nil {
				t.Fatal(out)
			}
			status := p.leaves()
			_, last, _ := strings.Cut(p.seen(), "\x1b[?1049l") // back from the session's screen
			if status != 0 || !strings.Contains(last, "agent ended by signal") && !strings.Contains(last, `session "s" has ended`) {
				t.Errorf("status %d, and last of all %q", status, last)
			}
			// Until Kubernetes has taken the pod away it is one that stops.
			h.until("the session is listed no more", func() bool {
				list := h.ok("ls", "-o", "json")
				if strings.Contains(list, `"s"`) && !strings.Contains(list, `"stopping": true`) {
					t.Errorf("the list is %s", list)
					return true
				}
				return !strings.Contains(list, `"s"`)
			})
		})
	}
}
