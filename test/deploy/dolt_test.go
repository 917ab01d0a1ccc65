package deploy_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/gascity/agentd/test/cluster"
	"github.com/gascity/agentd/test/cluster/archive"
)

// dolt is Dolt in a namespace, and a pod beside it that asks it things.
type dolt struct {
	t  *testing.T
	c  *cluster.Cluster
	ns string
}

// images says which images to take where those of the manifests can't be pulled, as in the tests' own cluster: the real Dolt server, built from its
// source, and curl of the agents' image. It also returns the one with Dolt's client.
func images(t *testing.T, c *cluster.Cluster) (kustomize, client string) {
	t.Helper()
	if os.Getenv("E2E_KUBECONFIG") != "" {
		set := find[appsv1.StatefulSet](t, build(t, filepath.Join(root(t), "deploy")), "StatefulSet", "dolt")
		return "", set.Spec.Template.Spec.Containers[0].Image
	}
	doltImage.once.Do(func() {
		cmd := exec.CommandContext(t.Context(), filepath.Join(root(t), "test", "deploy", "dolt"))
		cmd.Stderr = t.Output()
		server, err := cmd.Output()
		if err != nil {
			t.Fatalf("build Dolt: %v", err)
		}
		doltImage.name = c.Derive(t, archive.With(strings.TrimSpace(string(server))))
	})
	if doltImage.name == "" {
		t.Fatal("there is no image of Dolt: see the test that made it")
	}
	repository, tag, _ := strings.Cut(doltImage.name, ":")
	return fmt.Sprintf("images: [{name: dolthub/dolt, newName: %[1]s, newTag: %[2]q}, {name: curlimages/curl, newName: %[1]s, newTag: %[2]q}]\n", repository, tag), doltImage.name
}

// doltImage is made by the first test that needs it.
var doltImage struct {
	once sync.Once
	name string
}

// asker is a pod that may talk to Dolt, and has its client.
const asker = `
apiVersion: v1
kind: Pod
metadata: {name: asker, labels: {app: agentd-check}}
spec:
  terminationGracePeriodSeconds: 0
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: asker
    image: %s
    command: [sleep, infinity]
    env: [{name: HOME, value: /tmp}]
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`

// newDolt sets up a variant of deploy/ in a namespace of the test's, in which before has done something, and waits until Dolt is ready.
func newDolt(t *testing.T, variant string, before func(d *dolt)) *dolt {
	t.Helper()
	c := cluster.Need(t)
	d := &dolt{t, c, c.Namespace(t)}
	kustomize, client := images(t, c)
	before(d)
	apply(t, c, kustomization(t, variant, d.ns, kustomize))
	c.RunWith(t, fmt.Sprintf(asker, client), "-n", d.ns, "apply", "-f", "-")
	c.Run(t, "-n", d.ns, "wait", "--for=condition=Ready", "pod/asker", "--timeout=2m")
	d.ready()
	return d
}

func (d *dolt) ready() {
	d.t.Helper()
	d.c.Run(d.t, "-n", d.ns, "rollout", "status", "statefulset/dolt", "--timeout=2m")
}

// ask runs a query as root from another pod, by the name that agents are given. The node learns a moment after the pod is ready that the Service
// leads to it, and DNS, after another test's API server was away, some seconds late that there is one; so what says that is tried again.
func (d *dolt) ask(password, query string) (out string, err error) {
	d.t.Helper()
	_ = wait.PollUntilContextTimeout(d.t.Context(), 200*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		out, err = d.c.Try(d.t, "-n", d.ns, "exec", "asker", "--", "env", "DOLT_CLI_PASSWORD="+password,
			"dolt", "--host", "dolt."+d.ns+".svc.cluster.local", "--port", "3307", "--user", "root", "--no-tls", "sql", "-r", "csv", "-q", query)
		return !strings.Contains(out, "connection refused") && !strings.Contains(out, "no such host"), nil
	})
	return strings.TrimSpace(out), err
}

func (d *dolt) answers(password, query, want string) {
	d.t.Helper()
	if got, err := d.ask(password, query); err != nil || got != want {
		d.t.Errorf("%s: %q (%v), and not %q", query, got, err, want)
	}
}

func (d *dolt) refuses(password string) {
	d.t.Helper()
	if out, err := d.ask(password, "SELECT 1"); err == nil || !strings.Contains(out, "Access denied") {
		d.t.Errorf("root gets in with %q: %q (%v)", password, out, err)
	}
}

// secret is root's password as the Secret has it.
func (d *dolt) secret() string {
	d.t.Helper()
	secret, err := d.c.Client.CoreV1().Secrets(d.ns).Get(d.t.Context(), "dolt", metav1.GetOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	return string(secret.Data["password"])
}

func nothing(*dolt) {}

func TestDoltHasAPasswordOfItsOwn(t *testing.T) {
	t.Parallel()
	d := newDolt(t, ".", nothing)

	password := d.secret()
	if !regexp.MustCompile(`^[0-9a-f]{48}$`).MatchString(password) {
		t.Errorf("the password is %q", password)
	}
	d.answers(password, "SELECT 1, user()", "1,user()\n1,root@%")
	d.refuses("")
	d.refuses("another")
	if out, err := d.ask(password, "SELECT load_file('/var/lib/dolt/root-password') AS f"); err == nil && strings.Contains(out, password) {
		t.Errorf("SQL reads files: %q", out)
	}

	claim, err := d.c.Client.CoreV1().PersistentVolumeClaims(d.ns).Get(t.Context(), "data-dolt-0", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if size := claim.Spec.Resources.Requests.Storage().String(); claim.Status.Phase != corev1.ClaimBound || size != "10Gi" {
		t.Errorf("its volume claim is %s, of %s", claim.Status.Phase, size)
	}

	// What was set up is what the manifests say: nothing would change.
	kustomize, _ := images(t, d.c)
	if out, err := d.c.Try(t, "diff", "-k", kustomization(t, ".", d.ns, kustomize)); err != nil {
		t.Errorf("kubectl diff: %v\n%s", err, out)
	}
}

func TestDoltKeepsItsDataAndPasswordWhenItsPodAndSecretAreLost(t *testing.T) {
	t.Parallel()
	d := newDolt(t, ".", nothing)
	password := d.secret()
	d.answers(password, "CREATE DATABASE kept; CREATE TABLE kept.t (n INT PRIMARY KEY); INSERT INTO kept.t VALUES (42)", "")

	d.c.Run(t, "-n", d.ns, "delete", "secret/dolt")
	d.c.Run(t, "-n", d.ns, "delete", "pod/dolt-0", "--wait")
	d.ready()

	if again := d.secret(); again != password {
		t.Errorf("the password was %q and is %q", password, again)
	}
	d.answers(password, "SELECT n FROM kept.t", "n\n42")
}

func TestDoltsPasswordIsChangedAsTheReadmeSays(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(root(t), "deploy", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "To change the password")
	_, rest, _ = strings.Cut(rest, "\n\n")
	commands, _, found := strings.Cut(rest, "\n\n")
	if !found {
		t.Fatal("deploy/README.md no longer says how to change the password")
	}
	d := newDolt(t, ".", nothing)
	old := d.secret()

	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(commands, "-n gc ", "-n "+d.ns+" "))
	cmd.Env = append(os.Environ(), "KUBECONFIG="+d.c.Kubeconfig, "PATH="+filepath.Dir(d.c.Kubectl)+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%v: %s", commands, err, out)
	}
	d.ready()
	if d.secret() == old {
		t.Error("the Secret has the old password")
	}
	d.answers(d.secret(), "SELECT 1", "1\n1")
	d.refuses(old)
}

func TestDoltTakesThePasswordOfASecretThatIsThere(t *testing.T) {
	t.Parallel()
	const mine = `it's "mine" & /more\` // for a shell, JSON and YAML to trip over
	d := newDolt(t, ".", func(d *dolt) {
		_, err := d.c.Client.CoreV1().Secrets(d.ns).Create(t.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "dolt"}, Data: map[string][]byte{"password": []byte(mine + "\n")}, // as of a file
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	})
	d.answers(mine, "SELECT 1", "1\n1")
	d.refuses("")
	if got := d.secret(); got != mine {
		t.Errorf("the Secret has become %q", got)
	}
}

func TestDoltWithoutAPassword(t *testing.T) {
	t.Parallel()
	d := newDolt(t, "overlays/passwordless-dolt", nothing)
	d.answers("", "SELECT 1", "1\n1")

	// The guide's set-up would show a password that these data don't have.
	kustomize, _ := images(t, d.c)
	apply(t, d.c, kustomization(t, ".", d.ns, kustomize))
	d.says("password", "were made without a password: apply deploy/overlays/passwordless-dolt again")
	if _, err := d.c.Client.CoreV1().Secrets(d.ns).Get(t.Context(), "dolt", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the Secret: %v", err)
	}
	apply(t, d.c, kustomization(t, "overlays/passwordless-dolt", d.ns, kustomize))
	d.c.Run(t, "-n", d.ns, "delete", "pod/dolt-0", "--wait")
	d.ready()
	d.answers("", "SELECT 1", "1\n1")
}

// says waits until a container of Dolt's pod has said something.
func (d *dolt) says(container, want string) {
	d.t.Helper()
	said := ""
	err := wait.PollUntilContextTimeout(d.t.Context(), 200*time.Millisecond, 2*time.Minute, true, func(context.Context) (bool, error) {
		said, _ = d.c.Try(d.t, "-n", d.ns, "logs", "dolt-0", "-c", container) // none before it runs
		return strings.Contains(said, want), nil
	})
	if err != nil {
		d.t.Fatalf("container %s does not say %q but %q", container, want, said)
	}
}
