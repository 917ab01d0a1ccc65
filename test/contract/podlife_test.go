package contract_test

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMetaIsMirroredOnThePodAndOutlivesTheAgent(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	g.start("s", config{"command": "cat", "env": map[string]string{"GC_SESSION_ID": "id-1", "GC_DOLT_PASSWORD": "not-for-kubectl"}})
	g.is("not-for-kubectl", "get-meta", "s", "GC_DOLT_PASSWORD")
	g.okIn("acknowledged", "set-meta", "s", "GC_DRAIN_ACK")
	g.inPod("s", "tmux", "set-environment", "-t", "main", "FROM_INSIDE", "drain ack")
	g.until("the pod shows it", func() bool {
		shown := g.kubectl("get", "pods", "-o", "yaml")
		return strings.Contains(shown, "acknowledged") && strings.Contains(shown, "drain ack") && strings.Contains(shown, "id-1")
	})
	if shown := g.kubectl("get", "pods", "-o", "yaml"); strings.Contains(shown, "not-for-kubectl") {
		t.Errorf("whoever may read pods reads Dolt's password:\n%s", shown)
	}
	g.ok("send-keys", "s", "C-d")
	g.until("it has ended", func() bool { return g.ok("is-running", "s") == "false" })
	g.is("acknowledged", "get-meta", "s", "GC_DRAIN_ACK")
	g.kill(g.hub().PID)
	g.is("acknowledged", "get-meta", "s", "GC_DRAIN_ACK")
	g.is("drain ack", "get-meta", "s", "FROM_INSIDE")
	g.is("id-1", "get-meta", "s", "GC_SESSION_ID")
}

func TestKubectlShowsHowAnAgentEnded(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	g.start("s", config{"command": "read -r x; echo last words; exit 7"})
	pod := g.pod("s")
	g.ok("send-keys", "s", "Enter")
	g.until("it has ended", func() bool { return g.ok("is-running", "s") == "false" })
	g.until("its pod has failed", func() bool { return g.kubectl("get", "pod", pod, "-o", "jsonpath={.status.phase}") == "Failed" })
	ended := g.kubectl("get", "pod", pod, "-o", "jsonpath={.status.containerStatuses[0].state.terminated}")
	if !strings.Contains(ended, `"exitCode":7`) || !strings.Contains(ended, "last words") {
		t.Errorf("the container ended so: %s", ended)
	}
	if log := g.kubectl("logs", pod); !strings.Contains(log, "\nlast words\n") {
		t.Errorf("the log is %s", log)
	}
}

func TestAPodThatIsDeletedByHandIsNoLongerRunning(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	g.start("s", config{"command": `trap '' INT TERM HUP; echo ready; while :; do sleep 1; done`})
	g.untilScreen("s", "ready")
	g.kubectl("delete", "pod", g.pod("s"), "--wait=false")
	g.until("it counts as ended", func() bool { return g.ok("is-running", "s") == "false" })
	if got := g.okIn("sh\nbash\ndash", "process-alive", "s"); got != "false" {
		t.Errorf("process-alive gives %q of a pod that is terminating", got)
	}
	g.is("", "list-running", "")
	g.ok("stop", "s")
	g.untilNoPods()
}

func TestStopOfAPodThatHangsEndsInTime(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	g.start("s", config{"command": "cat"})
	g.inPod("s", "sh", "-c", "kill -STOP $(pgrep -f '[a]gentd serve')")
	if r := g.run("", "stop", "s"); r.status != 0 || r.took > 28*time.Second {
		t.Errorf("stop: status %d after %s: %s", r.status, r.took, r.stderr)
	}
	g.is("false", "is-running", "s")
	g.untilNoPods()
}

func TestAStartThatIsKilledLeavesNoPod(t *testing.T) {
	t.Parallel()
	for name, victim := range map[string]func(g *gc, front int) int{
		"the front is killed": func(_ *gc, front int) int { return front },
		"the hub is killed":   func(g *gc, _ int) int { return g.hub().PID },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newPods(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cmd, _, _ := g.command(ctx, g.json(config{"command": "cat", "pre_start": []string{"sleep 1000"}}), "start", "s")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			g.until("its pod is there", func() bool { return g.kubectl("get", "pods", "-l", "app=gc-agent", "-o", "name") != "" })
			if err := syscall.Kill(victim(g, cmd.Process.Pid), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = syscall.Kill(cmd.Process.Pid, syscall.SIGKILL)
			_ = cmd.Wait()
			g.start("s", config{"command": "echo second; exec cat"})
			g.untilScreen("s", "second")
			g.ok("stop", "s")
			g.untilNoPods()
		})
	}
}

// otherLaptop makes a gc with a hub of its own and the same namespace.
func (g *gc) otherLaptop() *gc {
	g.t.Helper()
	other := newGC(g.t)
	other.front, other.pods = g.front, g.pods
	other.env = append(other.env, slices.DeleteFunc(slices.Clone(g.env), func(pair string) bool {
		return !strings.HasPrefix(pair, "GC_K8S_") && !strings.HasPrefix(pair, "KUBECONFIG=")
	})...)
	return other
}

func TestTwoLaptopsShareOneNamespace(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	other := g.otherLaptop()
	// At the very beginning, so that both find no keys.
	started := make(chan result, 2)
	for _, who := range []*gc{g, other} {
		go func() { started <- who.tryStart(who.dir, config{"command": "echo words; exec cat"}) }()
	}
	for range 2 {
		if r := <-started; r.status != 0 {
			t.Fatalf("start: status %d: %s", r.status, r.stderr)
		}
	}
	for _, who := range []*gc{g, other} {
		who.until("both are listed", func() bool { return len(who.listed("")) == 2 })
		for _, name := range []string{g.dir, other.dir} {
			who.untilScreen(name, "words")
		}
	}
	if r := other.tryStart(g.dir, config{"command": "cat"}); r.status != 1 || !strings.Contains(r.stderr, "already exists") {
		t.Errorf("start of what the other started: status %d: %s", r.status, r.stderr)
	}
	other.ok("stop", g.dir)
	g.is("false", "is-running", g.dir)
}

func TestTwoCitiesInOneNamespaceAreToldApartOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	east, west := g.path("east"), g.path("west")
	for name, city := range map[string]string{"e": east, "w": west} {
		g.start(name, config{"command": "cat", "env": map[string]string{"GC_CITY": city}})
	}
	for city, want := range map[string]string{"": "e w", east: "e", west: "w", g.path("north"): ""} {
		scoped := *g
		scoped.env = append(slices.Clone(g.env), "GC_K8S_CITY="+city)
		if got := strings.Join(scoped.listed(""), " "); got != want {
			t.Errorf("of city %q: %q, want %q", city, got, want)
		}
	}
	g.kill(g.hub().PID)
	scoped := *g
	scoped.env = append(slices.Clone(g.env), "GC_K8S_CITY="+east)
	if got := strings.Join(scoped.listed(""), " "); got != "e" {
		t.Errorf("another hub lists %q", got)
	}
}
