package connect

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/paths"
	"github.com/gascity/agentd/client/target"
)

// ErrNoHub says that no hub runs, where none was to be started.
var ErrNoHub = errors.New("no hub is running")

// Options say which hub is meant.
type Options struct {
	// Target is what the hub serves.
	Target target.Target
	// NoStart makes a missing hub an error, ErrNoHub, and leaves a hub of another build alone.
	NoStart bool
	// Command runs a hub; empty means hub run of the gcctl that is beside this program, or on PATH.
	Command []string
	// Logger gets what goes wrong on the way; nil means nothing.
	Logger *slog.Logger

	// testOnlyVersion stands for this build's version.
	testOnlyVersion string
}

// ListenFD is the descriptor that a started hub finds its listening socket at.
const ListenFD = 3

// hubArgs are the arguments with which gcctl runs the hub of a target.
func hubArgs(t target.Target) []string {
	return append([]string{"hub", "run", "--listen-fd", fmt.Sprint(ListenFD)}, t.Flags()...)
}

// hub is a hub's place, and how to start one there.
type hub struct {
	options Options
	files   paths.Hub
}

func open(o Options) (*hub, error) {
	if o.Target.Backend == "" {
		return nil, errors.New("connect: no target named")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	dirs, err := paths.Open()
	if err != nil {
		return nil, err
	}
	return &hub{options: o, files: dirs.Hub(o.Target.Key())}, nil
}

// command is what starts the hub.
func (h *hub) command() ([]string, error) {
	if len(h.options.Command) > 0 {
		return h.options.Command, nil
	}
	program, err := paths.Program("gcctl")
	if err != nil {
		return nil, fmt.Errorf("%w: put it there", err)
	}
	return append([]string{program}, hubArgs(h.options.Target)...), nil
}

// environment is what the hub gets: this program's, less what ties it to a terminal or to the tmux session that it happens to be called in. An agent
// may be the one who calls: the hub then outlives its session.
func environment() []string {
	env := []string{wire.DetachedEnv + "=1"}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if name == "TMUX" || strings.HasPrefix(name, "TMUX_") || name == "GC_HUB" || name == wire.DetachedEnv {
			continue
		}
		env = append(env, pair)
	}
	return env
}
