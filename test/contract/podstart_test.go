package contract_test

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gascity/agentd/test/cluster/archive"
)

func TestAPodTellsNothingOfItsLaunch(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	g.start("s", config{"command": "cat # hidden-command", "env": map[string]string{"TOKEN": "hidden-value"}, "pre_start": []string{": hidden-step"}, "nudge": "hidden-nudge"})
	for _, what := range []string{"pods", "events"} {
		if all := g.kubectl("get", what, "-o", "yaml"); strings.Contains(all, "hidden") {
			t.Errorf("the %s tell of the launch: %s", what, all)
		}
	}
}

func TestAPodLooksLikeTheScripts(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	const name = "city/worker.1"
	g.start(name, config{"command": "echo words; exec cat", "env": map[string]string{"GC_ALIAS": "worker"}})
	g.untilScreen(name, "words")
	got := g.kubectl("get", "pods", "-l", "app=gc-agent,gc-agent=worker,gc-session", "-o", "jsonpath={.items[*].metadata.annotations.gc-session-name}/{.items[*].spec.containers[*].name}")
	if want := name + "/agent"; got != want {
		t.Errorf("the pods are %q, want %q", got, want)
	}
	if got := g.inPod(name, "tmux", "list-sessions", "-F", "#{session_name}"); got != "main\n" {
		t.Errorf("tmux's sessions are %q", got)
	}
	if got := g.inPod(name, "pwd"); got != "/workspace\n" && !strings.HasPrefix(g.inPod(name, "tmux", "display-message", "-p", "-t", "main", "#{pane_current_path}"), "/workspace") {
		t.Errorf("the work dir is %q", got)
	}
}

func TestTheCityArrivesAsItIsAndPathsFollow(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	city := g.path("city")
	g.write("#!/bin/sh\necho from the tool\n", "city", "rigs", "one", "tool")
	g.write("secret of gc", "city", ".gc", "controller.sock.txt")
	for _, err := range []error{
		os.Chmod(g.path("city", "rigs", "one", "tool"), 0o750),
		os.Symlink("tool", g.path("city", "rigs", "one", "link")),
		os.Symlink("nowhere", g.path("city", "dangling")),
		os.Symlink(g.path("city", "rigs", "one"), g.path("city", "absolute")),
		os.Mkdir(g.path("city", "empty"), 0o755),
		os.Chtimes(g.path("city", "rigs", "one", "tool"), time.Time{}, time.Unix(1_000_000_000, 0)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	socket, err := net.Listen("unix", filepath.Join(city, "sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	r := g.start("s", config{
		"work_dir": filepath.Join(city, "rigs", "one"),
		"command":  "pwd; " + city + "/rigs/one/link; stat -c '%a %Y' tool; ls -1A " + city + "; readlink " + city + "/absolute; env | grep ^GC_ | sort; echo all; exec cat",
		"env":      map[string]string{"GC_CITY": city, "GC_CITY_PATH": city, "GC_DIR": city + "/rigs/one", "GC_PACK_X": city + "/packs/x", "OTHER": city + "2"},
	})
	g.untilScreen("s", "\nall")
	screen := g.ok("peek", "s", "0")
	for _, want := range []string{
		"/workspace/rigs/one\nfrom the tool\n750 1000000000\n", "absolute\ndangling\nempty\nrigs\nrigs/one\n",
		"GC_CITY=/workspace\n", "GC_CITY_PATH=/workspace\n", "GC_DIR=/workspace/rigs/one\n", "GC_PACK_X=/workspace/packs/x\n", "GC_TMUX_SESSION=main\n",
	} {
		if !strings.Contains(screen, want) {
			t.Errorf("the screen does not hold %q:\n%s", want, screen)
		}
	}
	if !strings.Contains(r.stderr, "sock") {
		t.Errorf("nothing warns of the socket that was left out: %q", r.stderr)
	}
}

func TestAStartThatCannotComeRightSaysWhyWithinSeconds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env     []string
		config  config
		objects string
		want    []string
		within  time.Duration
	}{
		"an image that is not there":   {env: []string{"GC_K8S_IMAGE=localhost/no-such-image:1"}, want: []string{"localhost/no-such-image:1", "pull"}, within: 20 * time.Second},
		"an image's name that is none": {env: []string{"GC_K8S_IMAGE=Not:An:Image"}, want: []string{"Not:An:Image"}, within: 15 * time.Second},
		"no node with room":            {env: []string{"GC_K8S_CPU_REQUEST=500", "GC_K8S_CPU_LIMIT=500"}, want: []string{"no node", "Insufficient cpu"}, within: 20 * time.Second},
		"a quota": {
			objects: `{"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"none"},"spec":{"hard":{"pods":"0"}}}`,
			want:    []string{"exceeded quota", "pods=0"}, within: 5 * time.Second,
		},
		"a service account that is not there": {env: []string{"GC_K8S_SERVICE_ACCOUNT=nobody"}, want: []string{"nobody"}, within: 5 * time.Second},
		"an image without agentd":             {env: []string{"GC_K8S_IMAGE=localhost/busybox:1"}, want: []string{"has no agentd", "GC_K8S_AGENTD_IMAGE"}, within: 15 * time.Second},
		"an image without tmux":               {env: []string{"GC_K8S_IMAGE=localhost/busybox:1", "GC_K8S_AGENTD_IMAGE="}, want: []string{"tmux"}, within: 15 * time.Second},
		"too little memory": {
			env: []string{"GC_K8S_MEM_LIMIT=64Mi"}, config: config{"command": "tail /dev/zero", "process_names": []string{"never-there"}},
			want: []string{"out of memory", "GC_K8S_MEM_LIMIT"}, within: 20 * time.Second,
		},
		"a command that is not found":   {config: config{"command": "no-such-command --at-all"}, want: []string{"no-such-command"}, within: 15 * time.Second},
		"an agent that crashes at once": {config: config{"command": "sleep 0.2; echo last words; exit 3"}, want: []string{"last words", "3"}, within: 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newPods(t)
			for _, pair := range test.env {
				if strings.HasSuffix(pair, "AGENTD_IMAGE=") {
					pair += g.pods.cluster.Agentd
				}
				g.env = append(g.env, pair)
			}
			if test.objects != "" {
				if out, err := g.tryKubectl(test.objects, "apply", "-f", "-"); err != nil {
					t.Fatal(out)
				}
			}
			c := test.config
			if c == nil {
				c = config{"command": "cat"}
			}
			if c["process_names"] == nil {
				c["process_names"] = []string{"cat"}
			}
			r := g.tryStart("s", c)
			if r.status == 0 || r.took > test.within {
				t.Errorf("start: status %d after %s", r.status, r.took)
			}
			for _, want := range test.want {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("stderr does not hold %q: %s", want, r.stderr)
				}
			}
			if lines := strings.Count(r.stderr, "\n"); lines != 1 {
				t.Errorf("stderr has %d lines: %s", lines, r.stderr)
			}
			g.untilNoPods()
		})
	}
}

// untilNoPods waits until no agent's pod is left.
func (g *gc) untilNoPods() {
	g.t.Helper()
	g.until("no pod is left", func() bool {
		return strings.TrimSpace(g.kubectl("get", "pods", "-l", "app=gc-agent", "-o", "name")) == ""
	})
}

// The Secret is deleted, or changed by hand, while a hub runs that has just read it.
func TestAStartSeesTheKeysAsTheyAre(t *testing.T) {
	t.Parallel()
	t.Run("deleted", func(t *testing.T) {
		t.Parallel()
		g := newPods(t)
		g.start("a", kept)
		g.kubectl("delete", "secret", "agentd-keys")
		g.start("b", kept)
		g.wellWithin(patience, "b")
		g.is("a\nb", "list-running", "")
	})
	t.Run("without the public half", func(t *testing.T) {
		t.Parallel()
		g := newPods(t)
		g.start("a", kept)
		g.kubectl("patch", "secret", "agentd-keys", "--type=json", "-p", `[{"op":"remove","path":"/data/public.pem"}]`)
		for _, hub := range []string{"the one that read it", "another"} {
			r := g.tryStart("b", kept)
			if r.status != 1 || r.took > 10*time.Second || strings.Count(r.stderr, "\n") != 1 {
				t.Errorf("start by %s: status %d after %s: %q", hub, r.status, r.took, r.stderr)
			}
			for _, want := range []string{`"agentd-keys"`, `"public.pem"`, "delete the secret, and a new one will be made"} {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("stderr does not hold %q: %s", want, r.stderr)
				}
			}
			g.until("only the other's pod is left", func() bool {
				return strings.Count(g.kubectl("get", "pods", "-l", "app=gc-agent", "-o", "name"), "\n") == 1
			})
			g.kill(g.hub().PID)
			g.is("true", "is-running", "a") // its agentd has the key
		}
		g.kubectl("delete", "secret", "agentd-keys")
		g.start("b", kept)
	})
}

func TestAnUnreachableClusterIsSaidAndTemporary(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	b, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": []any{map[string]any{"name": "c", "cluster": map[string]any{"server": "https://127.0.0.1:1"}}},
		"contexts": []any{map[string]any{"name": "c", "context": map[string]any{"cluster": "c"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	g.env = append(g.env, "KUBECONFIG="+g.write(string(b), "kubeconfig"))
	r := g.tryStart("s", config{"command": "cat"})
	if r.status != 75 || !strings.Contains(r.stderr, "127.0.0.1:1") || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("start: status %d, %q", r.status, r.stderr)
	}
}

func TestAnyImageWithTmuxServesWithAgentdPutIntoIt(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	g.env = append(g.env, "GC_K8S_AGENTD_IMAGE="+g.pods.cluster.Agentd)
	g.start("s", config{"command": "echo words; exec cat"})
	g.untilScreen("s", "words")
	if got := g.inPod("s", "sh", "-c", "tr '\\0' ' ' </proc/1/cmdline"); !strings.HasPrefix(got, "/opt/agentd/agentd init") {
		t.Errorf("the pod's first process is %q", got)
	}
}

func TestTheAgentRunsAsTheUserThatIsAskedFor(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	g.env = append(g.env, "LINUX_USERNAME=ada", "GC_K8S_RUN_AS_USER=12345")
	g.start("s", config{"command": `whoami; id -u; echo "$HOME"; touch "$HOME/mine" /workspace/mine && echo written; exec cat`})
	g.untilScreen("s", "written")
	if screen := g.ok("peek", "s", "0"); !strings.HasPrefix(screen, "ada\n12345\n/") {
		t.Errorf("the screen is %q", screen)
	}
}

func TestAPrebakedImageKeepsItsWorkspace(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	image := g.pods.cluster.Derive(t, archive.WithFiles(archive.File{Path: "workspace/baked", Mode: 0o644, Content: []byte("from the image\n")}))
	g.env = append(g.env, "GC_K8S_PREBAKED=true", "GC_K8S_IMAGE="+image)
	g.write("from the laptop", "work", "file")
	g.start("s", config{"command": "pwd; ls -A; cat baked; touch mine && echo written; exec cat"})
	g.untilScreen("s", "written")
	if screen, want := g.ok("peek", "s", "0"), "/workspace\nbaked\nfrom the image\nwritten"; strings.TrimRight(screen, "\n") != want {
		t.Errorf("the screen is %q, want %q", screen, want)
	}
}

func TestCredentialsArriveAndAreRefreshed(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	g.kubectl("create", "secret", "generic", "claude-credentials", "--from-literal=.credentials.json=first", "--from-literal=settings.json={}")
	g.kubectl("create", "secret", "generic", "git-credentials", "--from-literal=token=git-token")
	g.start("s", config{"command": `cat ~/.claude/.credentials.json; echo; stat -c %a ~/.claude/.credentials.json; echo "$GITHUB_TOKEN"; echo shown; exec sh`})
	g.untilScreen("s", "\nshown")
	if screen := g.ok("peek", "s", "0"); !strings.HasPrefix(screen, "first\n600\ngit-token\n") {
		t.Errorf("the screen is %q", screen)
	}
	if out, err := g.tryKubectl(`{"stringData":{".credentials.json":"second"}}`, "patch", "secret", "claude-credentials", "--patch-file", "/dev/stdin"); err != nil {
		t.Fatal(out)
	}
	// The kubelet looks for changes once a minute, and at any change of the pod.
	g.kubectl("annotate", "pod", g.pod("s"), "look=again")
	g.until("the new credentials are there", func() bool {
		return g.inPod("s", "sh", "-c", "cat $(getent passwd $(id -u) | cut -d: -f6)/.claude/.credentials.json /run/agentd/home/.claude/.credentials.json 2>/dev/null || :") == "second"
	})
}
