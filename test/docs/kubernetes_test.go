package docs

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/gascity/agentd/client/lockfile"
	"github.com/gascity/agentd/test/cluster"
	"github.com/gascity/agentd/test/cluster/archive"
)

const (
	kubernetesPage = "docs/kubernetes.md"
	// pageNamespace is what the page uses, like deploy/ and gc itself.
	pageNamespace = "gc"
)

// instead are the page's lines that can't be run as they are. There is no registry: images are put where the node would have pulled them to. There is
// no gc either.
var instead = map[string]string{
	"docker load -i dist/agent.tar && docker push myregistry/gc-agent:1": "test/cluster/cluster load dist/agent.tar",
	"docker load -i dist/agentd.tar && docker push myregistry/agentd:1":  "test/cluster/cluster load dist/agentd.tar",
	"docker load -i dist/gcctl.tar && docker push myregistry/gcctl:1":    "test/cluster/cluster load dist/gcctl.tar",
	"gc init ~/my-city":  "",
	"gc start ~/my-city": "",
	"kubectl -n gc exec -it gc-controller-0 -- gc init /city": "",
}

// TestTheCommandsOfTheKubernetesPageRun runs them all, in order, on the real cluster and in the namespace that they name.
func TestTheCommandsOfTheKubernetesPageRun(t *testing.T) {
	t.Parallel()
	if os.Getenv("E2E_KUBECONFIG") != "" {
		t.Skip("E2E_KUBECONFIG is set: the page's images and namespace are put into a cluster of make cluster-up only")
	}
	for _, program := range []string{"make", "git"} {
		need(t, program)
	}
	c := cluster.Need(t)
	takeNamespace(t, c)
	c.DeriveAs(t, []string{"dolthub/dolt:1.83.2", "curlimages/curl:8.16.0"}, archive.With(doltProgram(t)))
	c.DeriveAs(t, []string{"myregistry/my-tools:1", "myregistry/gc-controller:1"})

	script := shellOf(read(t, kubernetesPage))
	for line, other := range instead {
		if strings.Count("\n"+script, "\n"+line+"\n") != 1 {
			t.Fatalf("the page has not once the line %q", line)
		}
		script = strings.Replace(script, line+"\n", other+"\n", 1)
	}
	runIn(t, copyTree(t), withTerminal(script), func(home string) []string {
		if err := os.Mkdir(filepath.Join(home, ".claude"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, ".claude", ".credentials.json"), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{
			"KUBECONFIG=" + c.Kubeconfig, "XDG_CACHE_HOME=" + cache(t), "GITHUB_TOKEN=secret",
			"PATH=" + filepath.Dir(c.Kubectl) + ":" + os.Getenv("PATH"),
			// One node has to do for all tests at once.
			"GC_K8S_CPU_REQUEST=10m", "GC_K8S_MEM_REQUEST=32Mi",
		}
	})
}

// takeNamespace makes the page's namespace the test's own, and removes what the page leaves of it.
func takeNamespace(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	const label = "app.kubernetes.io/part-of"
	lock, err := lockfile.Wait(t.Context(), filepath.Join(cache(t), "agentd-cluster", "namespace-"+pageNamespace))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lock.Release)
	namespaces := c.Client.CoreV1().Namespaces()
	remove := func(ctx context.Context) {
		err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
			err := namespaces.Delete(ctx, pageNamespace, metav1.DeleteOptions{})
			return apierrors.IsNotFound(err), nil
		})
		if err != nil {
			t.Errorf("remove namespace %s: %v", pageNamespace, err)
		}
	}
	switch there, err := namespaces.Get(t.Context(), pageNamespace, metav1.GetOptions{}); {
	case err == nil && there.Labels[label] != "agentd-test":
		t.Fatalf("namespace %s is in use: this test would make it and remove it", pageNamespace)
	case err == nil:
		remove(t.Context()) // a test that was killed has left it
	}
	_, err = namespaces.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: pageNamespace, Labels: map[string]string{label: "agentd-test"}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(context.Background()) })
}

// doltProgram builds the Dolt server, once for all tests.
func doltProgram(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "test", "deploy", "dolt"))
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("build Dolt: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func cache(t *testing.T) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// sources are the texts of packages, less their tests.
func sources(t *testing.T, packages ...string) string {
	t.Helper()
	var all strings.Builder
	for _, dir := range packages {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no source in %s: %v", dir, err)
		}
		for _, file := range files {
			if b, err := os.ReadFile(file); err != nil {
				t.Fatal(err)
			} else if !strings.HasSuffix(file, "_test.go") {
				all.Write(b)
			}
		}
	}
	return all.String()
}

func TestTheKubernetesPageListsTheSettingsOfTheSource(t *testing.T) {
	t.Parallel()
	table := rows(section(t, strings.Split(read(t, kubernetesPage), "### Any image")[0], "## Settings"))
	var code []string
	for _, m := range regexp.MustCompile(`"(GC_K8S_[A-Z_]+|LINUX_USERNAME|GC_HUB)"`).FindAllStringSubmatch(sources(t, "client/kube", "client/target", "client/front"), -1) {
		if name := m[1]; name != "GC_K8S_CPU" && name != "GC_K8S_MEM" && !slices.Contains(code, name) { // what two variables' names begin with
			code = append(code, name)
		}
	}
	same(t, "settings", column(table, 0), code)
	settings := sources(t, "client/kube", "client/target")
	for _, r := range table {
		if value := r[1]; value != "" && value != "none" && value != "current" && !strings.HasPrefix(value, "required") && value != "1000" && value != "IfNotPresent" {
			if !strings.Contains(settings, `"`+value+`"`) {
				t.Errorf("%s: the source doesn't know the default %q", r[0], value)
			}
		}
	}
}

// A host without a port, which one would come to by these lines, is refused.
func TestWhoIsToldToSetDoltsHostIsToldToSetItsPort(t *testing.T) {
	t.Parallel()
	told := 0
	for _, folder := range []string{"deploy", "docs"} {
		err := fs.WalkDir(os.DirFS(root), folder, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			for paragraph := range strings.SplitSeq(read(t, name), "\n\n") {
				if !strings.Contains(paragraph, "GC_DOLT_HOST=") {
					continue
				}
				told++
				if !strings.Contains(paragraph, "GC_DOLT_PORT=") {
					t.Errorf("%s says to set GC_DOLT_HOST, and not GC_DOLT_PORT:\n%s", name, paragraph)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if told == 0 {
		t.Error("nothing says to set GC_DOLT_HOST any more")
	}
}

// What the page says that a message holds, some message of the source does.
func TestTheMessagesOfTheKubernetesPageAreThoseOfTheSource(t *testing.T) {
	t.Parallel()
	code := sources(t, "client/hub", "client/kube", "client/connect", "agentd/tmux", "agentd/session")
	// Of these the words are of others: the API server's, a websocket's, or a node's.
	others := []string{"is forbidden", "refused: 401", "exec format error", "no match for platform"}
	page := read(t, kubernetesPage)
	for _, heading := range []string{"### Why a session doesn't start", "### What the API server says"} {
		for _, r := range rows(strings.Split(section(t, page, heading), "\n## ")[0]) {
			for _, message := range strings.Split(r[0], ", ") {
				for _, part := range strings.Split(message, "…") {
					if part = strings.TrimSpace(part); !strings.Contains(code, part) && !slices.Contains(others, part) {
						t.Errorf("no message of the source holds %q", part)
					}
				}
			}
		}
	}
}
