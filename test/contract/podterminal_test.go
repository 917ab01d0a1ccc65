package contract_test

import (
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd/api"
)

// attachAndType attaches to a session that repeats what is typed, and types a line.
func (g *gc) attachAndType(name, line string) *person {
	g.t.Helper()
	p := g.attach(name)
	g.until("the terminal shows the session", func() bool { return strings.Contains(p.screen(), "\x1b[?1049h") })
	p.types(line + "\r")
	g.until("the session has repeated it", func() bool { return strings.Contains(p.screen(), line) })
	return p
}

func TestATerminalComesBackWithRenewedCredentials(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	line := g.newLine()
	kubeconfig := g.path("kubeconfig")
	g.asUser(kubeconfig, api.AuthInfo{Token: g.token("someone")})
	g.start("s", kept)
	p := g.attachAndType("s", "before")

	old := g.write(g.read(kubeconfig), "old")
	g.asUser(kubeconfig, api.AuthInfo{Token: g.token("other")})
	g.kubectl("delete", "serviceaccount", "someone")
	g.until("the old token is refused", func() bool {
		said, err := g.tryKubectl("", "--kubeconfig", old, "get", "pods")
		return err != nil && strings.Contains(said, "Unauthorized")
	})
	shown := len(p.screen())
	p.types("meanwhile\r")
	g.until("the terminal goes on", func() bool { return strings.Contains(p.screen()[shown:], "meanwhile") })
	if strings.Contains(p.screen(), "reconnecting") {
		t.Errorf("the connection was lost already when the kubeconfig changed: %q", p.screen())
	}

	shown = len(p.screen())
	line.cut()
	line.restore()
	g.until("the terminal shows the screen again", func() bool { return strings.Contains(p.screen()[shown:], "meanwhile") })
	p.types("after\r")
	g.untilScreen("s", "after")
	p.types("\x02d")
	if status := p.leaves(); status != 0 {
		t.Errorf("attach: status %d: %q", status, p.screen())
	}
}

func TestATerminalStaysWhereItIsWhenAnotherContextIsUsed(t *testing.T) {
	t.Parallel()
	g := newPods(t)
	line := g.newLine()
	g.start("s", kept)
	p := g.attachAndType("s", "before")

	config := func(args ...string) string {
		return strings.TrimSpace(g.kubectl(append([]string{"--kubeconfig", g.path("kubeconfig"), "config"}, args...)...))
	}
	here := config("current-context")
	config("set-cluster", "elsewhere", "--server", "https://127.0.0.1:1")
	config("set-context", "elsewhere", "--cluster", "elsewhere")
	config("use-context", "elsewhere")
	defer config("use-context", here)
	shown := len(p.screen())
	line.cut()
	line.restore()
	g.until("the terminal shows the screen again", func() bool { return strings.Contains(p.screen()[shown:], "before") })

	line.cut() // the agent's end can't be told
	g.kubectl("delete", "pod", g.pod("s"), "--force", "--grace-period=0")
	line.restore()
	if status := p.leaves(); status != 0 || !strings.HasSuffix(p.screen(), "session \"s\" has ended\r\n") {
		t.Errorf("attach: status %d: %q", status, p.screen())
	}
}
