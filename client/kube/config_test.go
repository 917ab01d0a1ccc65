package kube

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/target"
)

// configFile is a kubeconfig of two contexts, near and far, that are two clusters and two users.
type configFile struct{ current, server, near, user string }

func (c configFile) write(t *testing.T, name string) {
	t.Helper()
	writeFile(t, name, fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: %q,
contexts: [{name: near, context: {cluster: near, user: me}}, {name: far, context: {cluster: far, user: you}}],
clusters: [{name: near, cluster: {server: %q%s}}, {name: far, cluster: {server: "https://far.test"}}],
users: [{name: me, user: {%s}}, {name: you, user: {token: far}}]}`, c.current, cmp.Or(c.server, "https://near.test"), c.near, c.user))
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheClusterIsFoundAsKubectlFindsIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(names ...string) string {
		for i, name := range names {
			names[i] = filepath.Join(dir, name)
		}
		return strings.Join(names, string(os.PathListSeparator))
	}
	configFile{current: "near", user: "token: secret"}.write(t, at("both"))
	configFile{user: "token: secret"}.write(t, at("neither"))
	configFile{current: "gone", user: "token: secret"}.write(t, at("gone"))
	writeFile(t, at("current"), "{apiVersion: v1, kind: Config, current-context: far}")
	writeFile(t, at("empty"), "")
	writeFile(t, at("odd"), "clusters: {")
	for name, test := range map[string]struct{ files, context, host, problem string }{
		"the current context":               {at("both"), "", "https://near.test", ""},
		"the one that is named":             {at("both"), "far", "https://far.test", ""},
		"a current context in another file": {at("current", "both"), "", "https://far.test", ""},
		"the first file's word counts":      {at("both", "current"), "", "https://near.test", ""},
		"a file among others that is not":   {at("missing", "both"), "", "https://near.test", ""},
		"one that isn't there":              {at("both"), "near ", "", `no context "near " in the kubeconfig: there is far, near`},
		"a current one that isn't there":    {at("gone"), "", "", `no context "gone" in the kubeconfig: there is far, near`},
		"no current one":                    {at("neither"), "", "", "the kubeconfig has no current context: set GC_K8S_CONTEXT or give --context: there is far, near"},
		"no file":                           {at("missing"), "", "", "no cluster is configured in " + at("missing") + ": set KUBECONFIG or give --kubeconfig"},
		"no file, but a context":            {at("missing"), "near", "", "no cluster is configured in " + at("missing") + ": set KUBECONFIG or give --kubeconfig"},
		"an empty file":                     {at("empty"), "", "", "no cluster is configured in " + at("empty") + ": set KUBECONFIG or give --kubeconfig"},
		"a file that is something else":     {at("odd"), "", "", "kubeconfig: error loading config file \"" + at("odd") + "\": "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, err := restConfig(target.Target{Backend: target.Kube, Kubeconfig: test.files, Context: test.context, Namespace: "gc"})
			switch {
			case test.problem != "" && (err == nil || !strings.HasPrefix(err.Error(), test.problem) || strings.Contains(err.Error(), "\n") || wire.CodeOf(err) != wire.CodeFailed):
				t.Errorf("got  %v\nwant %s", err, test.problem)
			case test.problem == "" && err != nil:
				t.Errorf("%v", err)
			case test.problem == "" && config.Host != test.host:
				t.Errorf("got %s, want %s", config.Host, test.host)
			}
		})
	}
}

func TestAKubeconfigThatComesToMeanSomethingElseIsNoticed(t *testing.T) {
	t.Parallel()
	const certificate = "client-certificate-data: YQ==, client-key-data: YQ=="
	before := configFile{current: "near", user: certificate}
	for name, test := range map[string]struct {
		after configFile
		stale bool
	}{
		"the same again":           {before, false},
		"another context":          {configFile{current: "far", user: certificate}, true},
		"another certificate":      {configFile{current: "near", user: "client-certificate-data: Yg==, client-key-data: YQ=="}, true},
		"another key":              {configFile{current: "near", user: "client-certificate-data: YQ==, client-key-data: Yg=="}, true},
		"a token":                  {configFile{current: "near", user: "token: t"}, true},
		"a password":               {configFile{current: "near", user: "username: me, password: p"}, true},
		"another person's cloak":   {configFile{current: "near", user: certificate + ", as: someone"}, true},
		"a plugin":                 {configFile{current: "near", user: "exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: login}"}, true},
		"a proxy":                  {configFile{current: "near", user: certificate, near: `, proxy-url: "http://proxy.test:1"`}, true},
		"another authority":        {configFile{current: "near", user: certificate, near: ", certificate-authority-data: YQ=="}, true},
		"another name of the host": {configFile{current: "near", user: certificate, near: ", tls-server-name: other"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, file := placeOf(t, before)
			if p.stale() {
				t.Fatal("stale before anything has changed")
			}
			test.after.write(t, file)
			if later := time.Now().Add(time.Second); os.Chtimes(file, later, later) != nil {
				t.Fatal("the file's time can't be set")
			}
			if got := p.stale(); got != test.stale {
				t.Errorf("stale: got %v, want %v", got, test.stale)
			}
		})
	}
}

func TestAHalfWrittenKubeconfigChangesNothing(t *testing.T) {
	t.Parallel()
	before := configFile{current: "near", user: "token: t"}
	p, file := placeOf(t, before)
	for _, text := range []string{"", "{apiVersion: v1, clusters: [", "{apiVersion: v1, kind: Config, current-context: far}"} {
		writeFile(t, file, text)
		if p.stale() {
			t.Errorf("stale after %q", text)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if p.stale() {
		t.Error("stale while it is replaced")
	}
	before.write(t, file)
	if p.stale() {
		t.Error("stale although it means what it meant")
	}
	configFile{current: "far", user: "token: t"}.write(t, file)
	if !p.stale() {
		t.Error("what was written at last is not noticed")
	}
	before.write(t, file)
	if !p.stale() {
		t.Error("who has asked for a new hub meanwhile would get the old one")
	}
}

// placeOf is the place that a kubeconfig leads to.
func placeOf(t *testing.T, c configFile) (*place, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	c.write(t, file)
	to := target.Target{Backend: target.Kube, Kubeconfig: file, Namespace: "gc"}
	config, err := restConfig(to)
	if err != nil {
		t.Fatal(err)
	}
	return newPlace(to, config), file
}
