package agentd_test

import (
	"strings"
	"testing"
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
