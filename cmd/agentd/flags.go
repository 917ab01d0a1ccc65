package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Defaults, for a pod: the websocket is for the pod's loopback, where a port-forward arrives, and health is for the kubelet.
const (
	defaultListen = "tcp:127.0.0.1:7878"
	defaultHealth = ":7879"
	defaultRunDir = "/run/agentd"
	defaultState  = "/var/lib/agentd"
	defaultGrace  = 10 * time.Second
	// podTerminationLog is where Kubernetes looks for a container's last words, unless the pod says otherwise. The kubelet makes the file.
	podTerminationLog = "/dev/termination-log"
)

// options are the flags of init and serve. Init checks them, so that a mistake is said once, and hands them on to every serve.
type options struct {
	listen            string
	listenFD          int
	health            string
	audience          string
	publicKeys        string
	runDir            string
	stateDir          string
	tmuxDir           string
	terminationLog    string
	terminationMeta   bool
	output            string
	grace             time.Duration
	launchWithin      time.Duration
	homeFallback      string
	claudeCredentials string
	gitCredentials    string
	logLevel          string
}

func (o *options) register(f *pflag.FlagSet) {
	f.StringVar(&o.listen, "listen", defaultListen, "where the websocket is served: unix:PATH or tcp:HOST:PORT")
	f.StringVar(&o.health, "health", defaultHealth, "where /healthz, /readyz and /metrics are served: unix:PATH, HOST:PORT, or \"\" for nowhere")
	f.StringVar(&o.audience, "audience", "", "the audience that tokens must name: this session, and no other")
	f.StringVar(&o.publicKeys, "public-keys", "", "file of the public keys that tokens are signed with (PEM), read again when it changes")
	f.StringVar(&o.runDir, "run-dir", defaultRunDir, "folder for what a restart of the machine may lose")
	f.StringVar(&o.stateDir, "state-dir", defaultState, "folder for what outlives the agent: its metadata")
	f.StringVar(&o.tmuxDir, "tmux-dir", existing(os.Getenv("TMUX_TMPDIR")), "TMUX_TMPDIR of the session's tmux server (default: the environment's, or tmux's own, /tmp)")
	f.StringVar(&o.terminationLog, "termination-log", existing(podTerminationLog), "file for the agent's last screen")
	f.BoolVar(&o.terminationMeta, "termination-meta", false, "begin that file with the session's last metadata, for clients that can't read the state folder by then")
	f.StringVar(&o.output, "output", "", "file for the agent's output as text lines, rotated at 4 MiB (default: stdout)")
	f.DurationVar(&o.grace, "grace", defaultGrace, "how long the agent may take to end when told to")
	f.DurationVar(&o.launchWithin, "launch-within", 0, "give up when no client has been connected for so long and none has launched an agent (default: never)")
	f.StringVar(&o.homeFallback, "home-fallback", "", "folder that is the agent's HOME when the one in the environment can't be made or written")
	f.StringVar(&o.claudeCredentials, "claude-credentials", "", "folder of .credentials.json, .claude.json and settings.json for the agent's Claude configuration, followed when it changes")
	f.StringVar(&o.gitCredentials, "git-credentials", "", "folder of the file token, the agent's GITHUB_TOKEN, followed when it changes")
	f.StringVar(&o.logLevel, "log-level", "info", "least severe messages that are logged: debug, info, warn or error")
}

// registerInit adds the flag that only init takes: serve gets its listener from init.
func (o *options) registerInit(f *pflag.FlagSet) {
	o.register(f)
	f.IntVar(&o.listenFD, "listen-fd", -1, "serve the websocket on this inherited, listening file descriptor instead")
}

// existing gives path if there is such a file: a laptop shall not get one in /dev.
func existing(path string) string {
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// variable is the environment's name for a flag: AGENTD_RUN_DIR for --run-dir.
func variable(flag string) string {
	return "AGENTD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromEnv sets the flags that were not given from their variables.
func fromEnv(f *pflag.FlagSet) error {
	var failed error
	f.VisitAll(func(flag *pflag.Flag) {
		value, ok := os.LookupEnv(variable(flag.Name))
		if !ok || flag.Changed || flag.Name == "help" {
			return
		}
		if err := f.Set(flag.Name, value); err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", variable(flag.Name), err)
		}
	})
	return failed
}

// inherits says whether the listener is handed down. Descriptor 0 to 2 are taken.
func (o *options) inherits() bool { return o.listenFD > 2 }

// check looks for what can't work.
func (o *options) check() error {
	switch {
	case o.audience == "":
		return fmt.Errorf("no audience: give --audience or %s", variable("audience"))
	case o.publicKeys == "":
		return fmt.Errorf("no public keys: give --public-keys or %s", variable("public-keys"))
	case o.grace <= 0:
		return fmt.Errorf("--grace %s is no time to end in", o.grace)
	case o.launchWithin < 0:
		return fmt.Errorf("--launch-within %s lies in the past", o.launchWithin)
	case o.homeFallback != "" && !filepath.IsAbs(o.homeFallback):
		return fmt.Errorf("--home-fallback %q is not an absolute path", o.homeFallback)
	}
	if !o.inherits() && !strings.HasPrefix(o.listen, "unix:") && !strings.HasPrefix(o.listen, "tcp:") {
		return fmt.Errorf("--listen %q is neither unix:PATH nor tcp:HOST:PORT", o.listen)
	}
	_, err := o.level()
	return err
}
