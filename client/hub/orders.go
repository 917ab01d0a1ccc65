package hub

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/gascity/agentd/agentd/wire"
)

// maxScript bounds session_setup_script, in bytes: with the environment it must fit one message.
const maxScript = 1 << 20

// launch makes agentd's orders out of the start's.
func (f *starting) launch() (*wire.Launch, error) {
	q := f.start
	launch := &wire.Launch{
		Command: q.Command, WorkDir: q.WorkDir, Env: map[string]string{}, Columns: q.Columns, Rows: q.Rows,
		PreStart: q.PreStart, SessionSetup: q.SessionSetup, SessionLive: q.SessionLive,
		ProcessNames: q.ProcessNames, ReadyPromptPrefix: q.ReadyPromptPrefix, ReadyDelayMS: q.ReadyDelayMS, Nudge: q.Nudge,
		Unset: controllerOnly,
	}
	for k, v := range q.Env {
		if !slices.Contains(controllerOnly, k) {
			launch.Env[k] = v
		}
	}
	launch.Env["GC_TMUX_SESSION"] = "main"
	if q.SessionSetupScript != "" {
		script, err := readScript(q.SessionSetupScript)
		if err != nil {
			f.push(wire.Progress{Warning: "session_setup_script: " + err.Error()})
		}
		launch.SessionSetupScript = script
	}
	if err := f.hub.backend.Adapt(launch, q); err != nil {
		return nil, err
	}
	return launch, nil
}

// controllerOnly are variables that speak of the controller's gc and mean nothing, or the wrong thing, to an agent.
var controllerOnly = []string{"GC_SESSION", "GC_EVENTS", "GC_BEADS"}

// readScript reads session_setup_script, a file of the controller.
func readScript(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxScript+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxScript {
		return "", fmt.Errorf("%q is over %d bytes", path, maxScript)
	}
	return string(b), nil
}

// city is the label of the gc workspace that owns the session.
func (f *starting) city() string {
	return cmp.Or(f.start.City, f.start.Env["GC_CITY"], f.start.Env["GC_CITY_PATH"])
}
