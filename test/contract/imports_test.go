package contract_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A front is started some hundred times a second, so what it links is time: a Kubernetes client alone makes it five times as slow to start.
func TestTheFrontLinksLittle(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"github.com/gascity/agentd/agentd/wire", "github.com/gascity/agentd/client/connect", "github.com/gascity/agentd/client/front",
		"github.com/gascity/agentd/client/hub/pack", "github.com/gascity/agentd/client/lockfile", "github.com/gascity/agentd/client/paths", "github.com/gascity/agentd/client/target", "golang.org/x/net",
		"github.com/gascity/agentd/cmd/gc-session-local", "github.com/gorilla/websocket", "golang.org/x/sys/unix",
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "github.com/gascity/agentd/cmd/gc-session-local").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	if len(linked) < 5 {
		t.Fatalf("it links %q, which can't be all", linked)
	}
	for _, path := range linked {
		if !slices.ContainsFunc(allowed, func(a string) bool { return path == a || strings.HasPrefix(path, a+"/") }) {
			t.Errorf("it links %s", path)
		}
	}
}

// The halves know each other by what they say alone, and only the programs know both.
func TestImportsPointOneWay(t *testing.T) {
	t.Parallel()
	for from, never := range map[string][]string{
		"agentd/...":      {"client/"},
		"agentd/wire/...": {"agentd/session", "agentd/server", "agentd/tmux", "client/"},
		"client/...":      {"agentd/session", "agentd/server", "agentd/tmux", "agentd/pid1", "agentd/auth", "agentd/nudge", "agentd/process"},
	} {
		out, err := exec.Command("go", "list", "-deps", "github.com/gascity/agentd/"+from).Output()
		if err != nil {
			t.Fatal(err)
		}
		for path := range strings.FieldsSeq(string(out)) {
			own, ok := strings.CutPrefix(path, "github.com/gascity/agentd/")
			if ok && slices.ContainsFunc(never, func(n string) bool { return strings.HasPrefix(own+"/", strings.TrimSuffix(n, "/")+"/") }) {
				t.Errorf("%s imports %s", from, path)
			}
		}
	}
}
