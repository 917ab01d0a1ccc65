package contract_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gascity/agentd/test/cluster"
	"github.com/gascity/agentd/test/eventscript"
	"github.com/gascity/agentd/test/soak"
)

// newEvents makes a gc whose events are in a namespace of their own. It may do there what deploy/ allows to those who write and read events, and nothing else.
func newEvents(t *testing.T) *gc {
	t.Helper()
	return eventsOf(t, cluster.Need(t))
}

func eventsOf(t *testing.T, c *cluster.Cluster) *gc {
	t.Helper()
	g := newGC(t)
	g.front, g.pods = "gc-events-k8s", &pods{cluster: c, namespace: c.Namespace(t)}
	g.env = append(g.env, "KUBECONFIG="+g.pods.cluster.Account(t, g.pods.namespace, "events.yaml", "agentd-events"), "GC_K8S_NAMESPACE="+g.pods.namespace)
	return g
}

// stored is what is looked at of an event.
type stored struct {
	Seq     uint64 `json:"seq"`
	Actor   string `json:"actor"`
	Message string `json:"message"`
}

// watched reads a watch's lines until it has shown n events.
func (g *gc) watched(n int) (wait func() []soak.Seen) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 4*patience)
	cmd, _, stderr := g.command(ctx, "", "watch", "0")
	cmd.Stdout = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	return func() (seen []soak.Seen) {
		g.t.Helper()
		defer cancel()
		for lines := bufio.NewScanner(out); len(seen) < n && lines.Scan(); {
			var e stored
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				g.t.Fatalf("the watch shows %q: %v", lines.Text(), err)
			}
			seen = append(seen, soak.Seen{Seq: e.Seq, ID: e.Message})
		}
		cancel()
		_ = cmd.Wait()
		if len(seen) < n {
			g.t.Errorf("the watch has shown %d events of %d: %s", len(seen), n, stderr)
		}
		return seen
	}
}

// The script's numbers come late: it takes one, and a moment later stores the event under it.
func TestTheScriptAndOursWriteToOneLogAtTheSameTime(t *testing.T) {
	t.Parallel()
	need(t, "jq")
	g := newEvents(t)
	script, err := eventscript.Write(g.dir)
	if err != nil {
		t.Fatal(err)
	}
	g.ok("ensure-running")
	kubectl := []string{"KUBECTL=" + g.pods.cluster.Kubectl}
	const each, pace = 12, 150 * time.Millisecond
	theirs := func(event string) bool {
		cmd := exec.CommandContext(t.Context(), script, "record")
		cmd.Env, cmd.Stdin = slices.Concat(g.env, kubectl), strings.NewReader(event)
		return cmd.Run() == nil // it fails where others were faster three times, and has stored nothing
	}
	ours := func(event string) bool {
		r := g.run(event, "record")
		if r.status != 0 {
			t.Errorf("record: status %d: %s", r.status, r.stderr)
		}
		return true
	}
	writers := map[string]func(string) bool{"script/0": theirs, "script/1": theirs, "ours/0": ours, "ours/1": ours}
	wait := g.watched(each * len(writers))
	acknowledged := map[string][]string{}
	var mu sync.Mutex
	var writing sync.WaitGroup
	for name, record := range writers {
		writing.Go(func() {
			tick := time.NewTicker(pace) // or the script would never be the first
			defer tick.Stop()
			for n := 0; n < each && t.Context().Err() == nil; <-tick.C {
				id := fmt.Sprintf("%s %d", name, n)
				if !record(fmt.Sprintf(`{"type":"two words","actor":%q,"message":%q}`, name, id)) {
					continue
				}
				mu.Lock()
				acknowledged[name] = append(acknowledged[name], id)
				mu.Unlock()
				n++
			}
		})
	}
	writing.Wait()
	for _, fault := range soak.Faults(acknowledged, wait()) {
		t.Errorf("watch: %s", fault)
	}
	var list []stored
	if err := json.Unmarshal([]byte(g.okIn(`{"Type":"two words"}`, "list")), &list); err != nil {
		t.Fatal(err)
	}
	var listed []soak.Seen
	for _, e := range list {
		listed = append(listed, soak.Seen{Seq: e.Seq, ID: e.Message})
	}
	if len(listed) != each*len(writers) {
		t.Errorf("list gives %d events of %d", len(listed), each*len(writers))
	}
	for _, fault := range soak.Faults(acknowledged, listed) {
		t.Errorf("list: %s", fault)
	}
	// The script reads what ours wrote.
	cmd := exec.CommandContext(t.Context(), script, "list")
	cmd.Env, cmd.Stdin = slices.Concat(g.env, kubectl), strings.NewReader(`{"Actor":"ours/1","AfterSeq":0}`)
	out, err := cmd.CombinedOutput()
	if err != nil || json.Unmarshal(out, &list) != nil || len(list) != each {
		t.Errorf("the script lists %d events of ours/1 (%v), want %d: %.300s", len(list), err, each, out)
	}
	g.is(fmt.Sprint(listed[len(listed)-1].Seq), "latest-seq")
}
