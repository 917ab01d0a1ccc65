package agentd_test

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// command runs agentd with the arguments, and gives its status and all that it wrote.
func (d *daemon) command(args ...string) (int, string) {
	d.t.Helper()
	return command(d.t, nil, args...)
}

func command(t *testing.T, env []string, args ...string) (int, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(programs, "agentd"), args...)
	cmd.Env = append(cmd.Environ(), env...)
	return outcome(t, cmd)
}

// outcome runs a command, and gives its status and all that it wrote.
func outcome(t *testing.T, cmd *exec.Cmd) (int, string) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func TestMistakesInTheCommandLineExit1AndSayWhatToDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  []string
		args []string
		want string
	}{
		"an unknown command":         {nil, []string{"frobnicate"}, `"frobnicate"`},
		"an unknown flag":            {nil, []string{"--frobnicate"}, "--frobnicate"},
		"an unknown flag of init":    {nil, []string{"init", "--frobnicate"}, "agentd init --help"},
		"an unknown flag of serve":   {nil, []string{"serve", "--frobnicate"}, "agentd serve --help"},
		"no audience":                {nil, []string{}, "AGENTD_AUDIENCE"},
		"no keys":                    {nil, []string{"init", "--audience", "a"}, "--public-keys"},
		"a bad duration":             {nil, []string{"init", "--grace", "soon"}, "grace"},
		"a bad variable":             {[]string{"AGENTD_GRACE=soon"}, []string{"init"}, "AGENTD_GRACE"},
		"no grace":                   {nil, []string{"init", "--audience", "a", "--public-keys", "/k", "--grace", "0s"}, "grace"},
		"a bad address":              {nil, []string{"init", "--audience", "a", "--public-keys", "/k", "--listen", "here"}, `"here"`},
		"a bad log level":            {nil, []string{"init", "--audience", "a", "--public-keys", "/k", "--log-level", "loud"}, `"loud"`},
		"a descriptor that is none":  {nil, []string{"init", "--audience", "a", "--public-keys", "/k", "--listen-fd", "77"}, "77"},
		"too many words for version": {nil, []string{"version", "please"}, "please"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, out := command(t, c.env, c.args...)
			if status != 1 || !strings.Contains(out, c.want) || !strings.HasPrefix(out, "agentd: ") {
				t.Errorf("status %d, %q; want 1, and %q in it", status, out, c.want)
			}
		})
	}
}

func TestAnUnusableKeyFileEndsAgentdAtOnce(t *testing.T) {
	t.Parallel()
	d := prepare(t)
	status, out := d.command("init", "--audience", "a", "--public-keys", "/no/such/file", "--listen", "unix:"+d.path("run", "b"),
		"--health", "", "--run-dir", d.path("run"), "--state-dir", d.path("state"), "--tmux-dir", d.path("run"))
	if status != 1 || !strings.Contains(out, "/no/such/file") {
		t.Errorf("status %d, %q", status, out)
	}
	if n := strings.Count(out, "serve failed"); n != 1 {
		t.Errorf("serve was tried %d times:\n%s", n, out)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	status, out := command(t, nil, "version")
	if status != 0 || !strings.HasPrefix(out, "agentd ") || !strings.Contains(out, "agentd.v1") {
		t.Errorf("status %d, %q", status, out)
	}
	if status, out = command(t, nil, "--help"); status != 0 || !strings.Contains(out, "serve") {
		t.Errorf("status %d, %q", status, out)
	}
}
