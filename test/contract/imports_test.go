package contract_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A front is started some hundred times a second, so what it links is time: a Kubernetes client makes it five times as slow to start, and HTTP alone takes a quarter of its time.
func TestTheFrontsLinkLittle(t *testing.T) {
	t.Parallel()
	shared := []string{
		"github.com/gascity/agentd/agentd/wire", "github.com/gascity/agentd/client/connect", "github.com/gascity/agentd/client/front",
		"github.com/gascity/agentd/client/events/remote", "github.com/gascity/agentd/client/hub/pack", "github.com/gascity/agentd/client/lockfile",
		"github.com/gascity/agentd/client/paths", "github.com/gascity/agentd/client/target", "golang.org/x/sys/unix",
	}
	for program, own := range map[string][]string{
		"gc-session-local": nil, "gc-session-k8s": nil, "gc-events-k8s": nil,
		"gc-events-local": {"github.com/gascity/agentd/client/events/jsonl"},
	} {
		allowed := append(append([]string{"github.com/gascity/agentd/cmd/" + program}, own...), shared...)
		out, err := exec.Command("go", "list", "-deps", "-f", `{{if or (not .Standard) (eq .ImportPath "net/http")}}{{.ImportPath}}{{end}}`, "github.com/gascity/agentd/cmd/"+program).Output()
		if err != nil {
			t.Fatal(err)
		}
		linked := strings.Fields(string(out))
		if len(linked) < 5 {
			t.Fatalf("%s links %q, which can't be all", program, linked)
		}
		for _, path := range linked {
			if path != "github.com/gascity/agentd/client/events" && !slices.ContainsFunc(allowed, func(a string) bool { return path == a || strings.HasPrefix(path, a+"/") }) {
				t.Errorf("%s links %s", program, path)
			}
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
