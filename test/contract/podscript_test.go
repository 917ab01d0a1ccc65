package contract_test

import (
	"fmt"
	"strings"
	"testing"
)

// scriptPod starts a pod as gc's own script makes them: tmux in it, and a main process that never ends.
func (g *gc) scriptPod(name string) {
	g.t.Helper()
	pod := fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"gc-%[1]s","labels":{"app":"gc-agent","gc-session":"%[1]s","gc-agent":"%[1]s"},"annotations":{"gc-session-name":"%[1]s"}},
"spec":{"restartPolicy":"Never","terminationGracePeriodSeconds":1,"securityContext":{"runAsNonRoot":true,"runAsUser":1000,"seccompProfile":{"type":"RuntimeDefault"}},
"containers":[{"name":"agent","image":%[2]q,"imagePullPolicy":"IfNotPresent","command":["sh","-c","tmux new-session -d -s main cat && exec sleep 1000000"],
"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]}}`, name, g.pods.cluster.Image)
	if out, err := g.tryKubectl(pod, "create", "-f", "-"); err != nil {
		g.t.Fatal(out)
	}
	g.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "pod/gc-"+name)
}

func TestTheScriptsPodsAreListedAndStoppedAndSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	g.scriptPod("old")
	g.start("new", config{"command": "cat"})
	g.until("both are listed", func() bool { return strings.Join(g.listed(""), " ") == "new old" })
	g.is("true", "is-running", "old")
	for _, op := range [][]string{{"peek", "old", "10"}, {"interrupt", "old"}, {"send-keys", "old", "Enter"}, {"get-meta", "old", "KEY"}} {
		if said := g.fails("", op...); !strings.Contains(said, "gc-session-k8s") || !strings.Contains(said, "gc-old") {
			t.Errorf("%q says %q", op, said)
		}
	}
	if r := g.tryStart("old", config{"command": "cat"}); r.status != 1 || !strings.Contains(r.stderr, "already exists") {
		t.Errorf("start: status %d: %s", r.status, r.stderr)
	}
	g.ok("stop", "old")
	g.is("false", "is-running", "old")
	g.is("new", "list-running", "")
	if out, err := g.tryKubectl("", "get", "pod", "gc-old"); err == nil {
		t.Errorf("the pod is still there: %s", out)
	}
}
