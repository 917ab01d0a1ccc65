package contract_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// asUser changes who a kubeconfig says one is.
func (g *gc) asUser(kubeconfig string, user api.AuthInfo) {
	g.t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		g.t.Fatal(err)
	}
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &user
	}
	// As kubectl does it: whoever reads the file finds the old or the new.
	if err := clientcmd.WriteToFile(*config, kubeconfig+".new"); err != nil {
		g.t.Fatal(err)
	}
	if err := os.Rename(kubeconfig+".new", kubeconfig); err != nil {
		g.t.Fatal(err)
	}
}

// token makes a service account that may do all within the namespace, and gives a token of it.
func (g *gc) token(account string) string {
	g.t.Helper()
	g.kubectl("create", "serviceaccount", account)
	g.pods.cluster.Bind(g.t, g.pods.namespace, account, "clusterrole", "admin")
	return strings.TrimSpace(g.kubectl("create", "token", account))
}

func TestAPluginWhoseCredentialsEndIsSaidAndWaitedFor(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	line := g.newLine()
	token := g.write(g.token("someone"), "token")
	plugin := g.write(`#!/bin/sh
[ -e '`+token+`' ] || { echo 'the login has expired' >&2; exit 1; }
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s","expirationTimestamp":"%s"}}' \
  "$(cat '`+token+`')" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
`, "plugin")
	if err := os.Chmod(plugin, 0o755); err != nil {
		t.Fatal(err)
	}
	g.asUser(g.path("kubeconfig"), api.AuthInfo{Exec: &api.ExecConfig{APIVersion: "client.authentication.k8s.io/v1", Command: plugin, InteractiveMode: api.NeverExecInteractiveMode}})
	g.start("s", kept)
	before := g.panes("s")
	expired := func() {
		if err := os.Rename(token, token+".not"); err != nil {
			t.Fatal(err)
		}
	}
	valid := func() {
		if err := os.Rename(token+".not", token); err != nil {
			t.Fatal(err)
		}
	}

	expired()
	g.wellWithin(patience, "s") // over the link that there is
	said := "no credentials for the cluster: exec: executable " + plugin + " failed with exit code 1"
	if r := g.tryStart("other", kept); r.status != 75 || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, said) {
		t.Errorf("start: status %d after %s: %q", r.status, r.took, r.stderr)
	}
	line.cut()
	line.restore()
	g.all([]string{"s"}, func(op sessionOp, r result) { g.failsClearly(op, r, said) })
	valid()
	g.wellWithin(recovery, "s")
	g.start("other", kept)
	g.is("other\ns", "list-running", "")
	g.samePanes(before)
}

func TestWhoTheAPIServerDoesNotKnowIsToldToLogIn(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	kubeconfig := g.write(g.read(g.pods.cluster.Kubeconfig), "kubeconfig")
	g.env = append(g.env, "KUBECONFIG="+kubeconfig)
	good := api.AuthInfo{Token: g.token("someone")}
	g.asUser(kubeconfig, good)
	g.start("s", kept)
	before, hub := g.panes("s"), g.hub().PID

	g.asUser(kubeconfig, api.AuthInfo{Token: "expired"})
	const said = "the API server doesn't know who you are (Unauthorized): log in to the cluster again"
	var asking sync.WaitGroup
	for _, op := range []sessionOp{{args: []string{"is-running", "s"}}, {args: []string{"list-running", ""}}, {args: []string{"stop", "s"}}} {
		asking.Go(func() { g.failsClearly(op, g.run("", op.args...), said) })
	}
	asking.Go(func() {
		if r := g.tryStart("other", kept); r.status != 75 || !strings.Contains(r.stderr, said) || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("start: status %d after %s: %q", r.status, r.took, r.stderr)
		}
	})
	asking.Wait()

	g.asUser(kubeconfig, good)
	g.is("true", "is-running", "s") // by the next hub
	g.wellWithin(recovery, "s")
	g.is("s", "list-running", "")
	g.samePanes(before)
	if now := g.hub().PID; now == hub {
		t.Errorf("the hub is still process %d", hub)
	}
}

func (g *gc) read(file string) string {
	g.t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		g.t.Fatal(err)
	}
	return string(b)
}
