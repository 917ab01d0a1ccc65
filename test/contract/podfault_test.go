package contract_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gascity/agentd/test/cluster"
)

// panes are the processes of sessions' agents.
func (g *gc) panes(names ...string) map[string]int {
	g.t.Helper()
	pids := map[string]int{}
	for _, name := range names {
		pids[name] = g.panePID(name)
	}
	return pids
}

// samePanes checks that no agent was started anew.
func (g *gc) samePanes(before map[string]int) {
	g.t.Helper()
	for name, pid := range before {
		if now := g.panePID(name); now != pid {
			g.t.Errorf("the agent of %q is process %d, it was %d", name, now, pid)
		}
	}
}

func TestAgentsOutliveTheAPIServer(t *testing.T) {
	c := cluster.Alone(t)
	g := podsOf(t, c)
	other := g.otherLaptop()
	server, err := url.Parse(c.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	ours := []string{"a", "b"}
	for _, name := range ours {
		g.start(name, kept)
	}
	other.start("theirs", kept)
	// This one ends while nobody can tell of it.
	g.start("doomed", config{"command": "exec bash -c 'while : 2>/dev/null >/dev/tcp/" + server.Hostname() + "/" + server.Port() + "; do sleep 0.1; done'"})
	g.okIn("words on the screen", "nudge", "a")
	g.untilScreen("a", "words on the screen")
	other.is("a\nb\ndoomed\ntheirs", "list-running", "")
	before := g.panes("a", "b", "theirs")
	p := g.attach("a")
	g.until("the terminal shows the screen", func() bool { return strings.Contains(p.screen(), "words on the screen") })

	start := c.Stop(t, cluster.APIServer)
	shown := len(p.screen())
	outage := time.After(5 * time.Second)
	var asking sync.WaitGroup
	for _, who := range []*gc{g, other} {
		asking.Go(func() {
			who.all([]string{"a", "b", "theirs"}, func(op sessionOp, r result) {
				if r.status != 0 { // a busy machine's API server may take longer than calls wait
					who.failsClearly(op, r, "the API server at "+c.Config.Host+" ")
				} else if op.want != "" && strings.TrimSpace(r.stdout) != op.want {
					t.Errorf("%q gives %q after %s", op.args, r.stdout, r.took)
				}
			})
		})
		asking.Go(func() {
			for _, op := range []sessionOp{{args: []string{"is-running", "doomed"}}, {args: []string{"process-alive", "doomed"}, stdin: "bash"}} {
				if r := who.run(op.stdin, op.args...); r.status != 0 || r.stdout != "false\n" && r.stdout != "false" {
					t.Errorf("%q: status %d after %s, %q, %q", op.args, r.status, r.took, r.stdout, r.stderr)
				}
			}
		})
	}
	<-outage
	start()
	back := time.Now()
	asking.Wait()
	if took := time.Since(back); took > recovery {
		t.Errorf("all was well only %s after the API server was back", took)
	}
	g.until("the terminal shows the screen again", func() bool { return strings.Contains(p.screen()[shown:], "words on the screen") })
	p.types("typed after it\r")
	g.untilScreen("a", "typed after it")
	p.types("\x02d")
	if status := p.leaves(); status != 0 {
		t.Errorf("attach: status %d: %q", status, p.screen())
	}
	for _, who := range []*gc{g, other} {
		who.is("a\nb\ntheirs", "list-running", "")
		who.wellWithin(recovery, "a", "b", "theirs")
	}
	g.samePanes(before)
	other.ok("stop", "a")
	g.is("false", "is-running", "a")
}

// recovery bounds the time from the end of an outage until all is well again. It takes a second or two; a busy machine's API server takes longer to be itself.
const recovery = 15 * time.Second

func TestAgentsOutliveTheirKubelet(t *testing.T) {
	c := cluster.Alone(t)
	g := podsOf(t, c)
	g.start("stays", kept)
	g.start("goes", kept)
	g.wellWithin(patience, "stays")
	before := g.panes("stays")
	p := g.attach("goes")
	g.until("the terminal shows the session", func() bool { return strings.Contains(p.screen(), "\x1b[?1049h") })
	start := c.Stop(t, cluster.Kubelet)
	var asking sync.WaitGroup
	asking.Go(func() {
		op := sessionOp{args: []string{"peek", "stays", "10"}}
		g.failsClearly(op, g.run("", op.args...), "the pod's node does not answer: ")
	})
	asking.Go(func() {
		if r := g.run("", "stop", "goes"); r.status != 0 || r.took > 28*time.Second {
			t.Errorf("stop: status %d after %s: %s", r.status, r.took, r.stderr)
		}
		g.is("false", "is-running", "goes")
		if left := g.kubectl("get", "pods", "-o", "name"); strings.Contains(left, "goes") {
			t.Errorf("after the stop there is %s", left)
		}
		if status := p.leaves(); status != 0 || !strings.HasSuffix(p.screen(), "session \"goes\" has ended\r\n") {
			t.Errorf("attach: status %d: %q", status, p.screen())
		}
	})
	asking.Wait()
	start()
	g.wellWithin(recovery, "stays")
	g.samePanes(before)
	g.is("stays", "list-running", "")
}

// A node that does not come back is taken out of the cluster, by a person or its cloud, and its pods with it.
func TestTheAgentsOfANodeThatIsLostAreGone(t *testing.T) {
	c := cluster.Alone(t)
	g := podsOf(t, c)
	g.start("lost", kept)
	p := g.attach("lost")
	g.until("the terminal shows the session", func() bool { return strings.Contains(p.screen(), "\x1b[?1049h") })
	pod := g.pod("lost")
	node := g.kubectl("get", "pod", pod, "-o", "jsonpath={.spec.nodeName}")
	start := c.Stop(t, cluster.Kubelet)
	g.kubectl("delete", "node", node)
	g.kubectl("delete", "pod", pod, "--force", "--grace-period=0") // as the cluster does a minute later
	g.until("the session is gone", func() bool { return g.ok("is-running", "lost") == "false" })
	g.is("", "list-running", "")
	if status := p.leaves(); status != 0 || !strings.HasSuffix(p.screen(), "session \"lost\" has ended\r\n") {
		t.Errorf("attach: status %d: %q", status, p.screen())
	}
	start()
	g.start("lost", kept)
	g.wellWithin(recovery, "lost")
}

// A pod that is told to end on a node that is lost stays, as nobody says that it has ended. The hub that saw it alive is gone, too: the laptop was started anew, say.
func TestASessionThatWasToldToEndOnALostNodeIsOverForAnyHub(t *testing.T) {
	c := cluster.Alone(t)
	for name, hub := range map[string]string{"another hub": "", "no hub": "GC_HUB=off"} {
		t.Run(name, func(t *testing.T) {
			g := podsOf(t, c)
			g.start("s", kept)
			uids := func() string {
				return strings.TrimSpace(g.kubectl("get", "pods", "-l", "app=gc-agent", "-o", "jsonpath={.items[*].metadata.uid}"))
			}
			before := uids()
			start := c.Stop(t, cluster.Kubelet)
			g.kubectl("delete", "pod", g.pod("s"), "--wait=false")
			g.kill(g.hub().PID)
			g.env = append(g.env, hub)
			for _, op := range []sessionOp{
				{args: []string{"is-running", "s"}, want: "false"},
				{args: []string{"process-alive", "s"}, stdin: "cat", want: "false"},
				{args: []string{"list-running", ""}},
			} {
				if r := g.run(op.stdin, op.args...); r.status != 0 || strings.TrimSpace(r.stdout) != op.want || r.took > 10*time.Second {
					t.Errorf("%q: status %d after %s, %q, %q", op.args, r.status, r.took, r.stdout, r.stderr)
				}
			}
			if now := uids(); now != before {
				t.Errorf("the pods are %q, they were %q", now, before)
			}
			started := make(chan result, 1)
			go func() { started <- g.tryStart("s", kept) }()
			g.until("its pod is replaced", func() bool { now := uids(); return now != "" && !strings.Contains(now, before) })
			start()
			if r := <-started; r.status != 0 {
				t.Fatalf("start: status %d after %s: %s", r.status, r.took, r.stderr)
			}
			g.wellWithin(recovery, "s")
			g.is("s", "list-running", "")
		})
	}
}

// The public key goes after the start has made sure of it, and before the node mounts it. The Secret itself stays: the hub would make another within a minute.
func TestAVolumeThatCannotBeMountedIsSaid(t *testing.T) {
	c := cluster.Alone(t)
	g := podsOf(t, c)
	start := c.Stop(t, cluster.Kubelet)
	started := make(chan result, 1)
	go func() { started <- g.tryStart("s", kept) }()
	g.until("its pod has a node", func() bool {
		return strings.TrimSpace(g.kubectl("get", "pods", "-l", "app=gc-agent", "-o", "jsonpath={.items[*].spec.nodeName}")) != ""
	})
	g.kubectl("patch", "secret", "agentd-keys", "--type=json", "-p", `[{"op":"remove","path":"/data/public.pem"}]`)
	start()
	r := <-started
	if r.status != 1 || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "a volume can't be mounted: ") || !strings.Contains(r.stderr, "references non-existent secret key: public.pem") {
		t.Errorf("start: status %d after %s: %q", r.status, r.took, r.stderr)
	}
	g.untilNoPods()
	g.kubectl("delete", "secret", "agentd-keys")
	g.start("s", kept)
}
