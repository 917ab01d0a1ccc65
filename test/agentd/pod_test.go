package agentd_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
)

func TestASessionThatNobodyLaunchesIsGivenUp(t *testing.T) {
	t.Parallel()
	d := start(t, "--launch-within", "100ms")
	if status := d.status(); status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	const why = "no agent was launched, and no client has been connected for 100ms"
	if !strings.Contains(d.log.String(), why) {
		t.Errorf("the log doesn't say why:\n%s", d.log)
	}
	if last := read(t, d.path("termination")); !strings.Contains(last, why) {
		t.Errorf("the last words: %q", last)
	}
}

// What a pod tells agentd is no business of the agent's, and its home is one that it can write.
func TestTheAgentSeesAHomeThatWorksAndNothingOfAgentds(t *testing.T) {
	t.Parallel()
	d := prepare(t)
	d.env = []string{"HOME=/proc/none", "AGENTD_POD_UID=1-2-3", "AGENTD_LOG_LEVEL=debug", "AGENTD_HOME_FALLBACK=" + d.path("home"), "IMAGE=its own"}
	d.run()
	d.launch(d.dial(), "env > env; cat env > $HOME/copy; exec cat")
	within(t, "the agent has written to its home", func() bool { return strings.Contains(read(t, d.path("home", "copy")), "TMUX=") })
	for line := range strings.Lines(read(t, d.path("home", "copy"))) {
		if strings.HasPrefix(line, "AGENTD_") {
			t.Errorf("the agent sees %q", line)
		}
	}
	env := read(t, d.path("home", "copy"))
	for _, want := range []string{"HOME=" + d.path("home"), "IMAGE=its own"} {
		if !strings.Contains("\n"+env, "\n"+want+"\n") {
			t.Errorf("the agent doesn't see %q:\n%s", want, env)
		}
	}
}

// The secrets of a pod reach the agent and what it starts, and reach it again when they change.
func TestCredentialsReachTheAgentAndAreRefreshed(t *testing.T) {
	t.Parallel()
	d := prepare(t)
	mounted := d.path("secret")
	write := func(name, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(mounted, 0o700), os.WriteFile(filepath.Join(mounted, name), []byte(text), 0o440)); err != nil {
			t.Fatal(err)
		}
	}
	write(".credentials.json", "first")
	write("token", "ghp_first\n")
	d.run("--claude-credentials", mounted, "--git-credentials", mounted, "--log-level", "debug")
	c := d.dial()
	d.launchAll(c, wire.Launch{
		PreStart: []string{`test "$(cat ~/.claude/.credentials.json) $GITHUB_TOKEN" = "first ghp_first" && touch pre`},
		Command:  `echo "token: $GITHUB_TOKEN, file: $(cat ~/.claude/.credentials.json)"; exec cat`,
	})
	d.waitText(c, "token: ghp_first, file: first")
	if _, err := os.Stat(d.path("work", "pre")); err != nil {
		t.Errorf("pre_start saw no credentials: %v", err)
	}
	write(".credentials.json", "second")
	write("token", "ghp_second")
	within(t, "the file is refreshed", func() bool { return read(t, d.path(".claude", ".credentials.json")) == "second" })
	within(t, "the token is refreshed", func() bool { return d.tmux("show-environment", "-g", "GITHUB_TOKEN") == "GITHUB_TOKEN=ghp_second" })
	d.tmux("new-window", "-t", "main", "-c", d.path("work"), `echo "$GITHUB_TOKEN" > fresh; exec cat`)
	within(t, "a new pane has the new token", func() bool { return read(t, d.path("work", "fresh")) == "ghp_second\n" })
	var meta wire.MetaList
	if d.call(c, wire.OpMetaList, nil, &meta); meta.Meta["GITHUB_TOKEN"] != "" {
		t.Error("the token is in the metadata")
	}
	for name, text := range map[string]string{"the log": d.log.String(), "meta.json": read(t, d.path("state", "meta.json")), "the record": read(t, d.path("state", "credentials.json"))} {
		if strings.Contains(text, "ghp_") || strings.Contains(text, "second") {
			t.Errorf("%s holds a secret: %s", name, text)
		}
	}
}

func TestATokenThatTheLaunchBringsStays(t *testing.T) {
	t.Parallel()
	d := prepare(t)
	if err := os.WriteFile(d.path("run", "token"), []byte("from the secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.run("--git-credentials", d.path("run"))
	c := d.dial()
	d.launchAll(c, wire.Launch{Env: map[string]string{"GITHUB_TOKEN": "the launch's"}, Command: `echo "token: $GITHUB_TOKEN"; exec cat`})
	d.waitText(c, "token: the launch's")
	if got := d.tmux("show-environment", "-g", "GITHUB_TOKEN"); got != "GITHUB_TOKEN=the launch's" {
		t.Errorf("new panes get %q", got)
	}
}

func TestAnImageWithoutTmuxIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]struct {
		op   wire.Op
		body any
	}{
		"files come": {wire.OpPut, wire.Put{WorkDir: "/nowhere"}},
		"a launch":   {wire.OpLaunch, wire.Launch{Command: "cat", PreStart: []string{"sleep 60"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := prepare(t)
			d.env = []string{"PATH=" + d.path("work")}
			d.run()
			err := d.try(d.dial(), ask.op, ask.body, nil)
			if err == nil || !strings.Contains(err.Error(), "tmux is not installed in the image") || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What runs beside the agent, with nothing but the pod's own environment, reaches the session by tmux's default socket and by the name that gc has for it.
func TestTheSessionIsOnTheDefaultSocketUnderBothNames(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	city := d.path("work", "Our City")
	if err := errors.Join(os.Mkdir(city, 0o700), os.WriteFile(filepath.Join(city, "city.toml"), []byte("[workspace]\nname = \"our-city\"\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	d.launchAll(c, wire.Launch{
		Env:     map[string]string{"GC_CITY": city},
		Command: `tmux -L our-city set-environment -t main GC_DRAIN_ACK yes; tmux -L "Our City" has-session -t main; echo "there: $?"; exec cat`,
	})
	d.waitText(c, "there: 0")
	for _, args := range [][]string{nil, {"-L", "our-city"}, {"-L", "Our City"}} {
		if got := d.tmux(append(args, "show-environment", "-t", "main", "GC_DRAIN_ACK")...); got != "GC_DRAIN_ACK=yes" {
			t.Errorf("tmux %q: %q", args, got)
		}
	}
	meta := wire.Meta{Key: "GC_DRAIN_ACK"}
	if d.call(c, wire.OpMetaGet, meta, &meta); meta.Value != "yes" {
		t.Errorf("what was set within is %+v here", meta)
	}
}
