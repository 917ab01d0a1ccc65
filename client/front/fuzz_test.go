package front

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// Whatever gc, or a person, puts after the program's name: one line at most, and status 2 for an unknown operation alone.
func FuzzArguments(f *testing.F) {
	f.Add("peek\x00s\x0010")
	f.Add("start\x00s")
	f.Add("no-such-thing\x00-x")
	f.Add("")
	f.Add("--help")
	f.Fuzz(func(t *testing.T, joined string) {
		var args []string
		if joined != "" {
			args = strings.Split(joined, "\x00")
		}
		if len(args) > 0 && args[0] == "attach" {
			return // which becomes another program
		}
		known := len(args) > 0 && (sessionOps[args[0]].do != nil || args[0] == "-h" || args[0] == "--help" || args[0] == "--version")
		got := runFront(t.Context(), noHub, nil, "input", args...)
		if (got.status == exitUnknownOp) != (len(args) > 0 && !known) {
			t.Errorf("%q: %+v", args, got)
		}
		if lines := strings.Count(got.stderr, "\n"); lines > 1 || (got.status == 0) != (lines == 0) || got.status != 0 && got.stdout != "" {
			t.Errorf("%q: %+v", args, got)
		}
		if len(args) > 0 && args[0] == "start" && strings.Contains(strings.ToLower(got.stderr), exists) {
			t.Errorf("%q reads as a duplicate: %+v", args, got)
		}
	})
}

// Whatever gc gives as a session's JSON: it reaches the hub as it is meant, or is refused in one line that is no duplicate's.
func FuzzStartsJSON(f *testing.F) {
	f.Add(`{"work_dir":"/w","command":"c","env":{"A":"b"},"copy_files":[{"src":"s","rel_dst":"d"}],"ready_delay_ms":5}`)
	f.Add(`{"command":"already exists","ready_delay_ms":1e99}`)
	f.Add(`null`)
	f.Add(`[`)
	f.Fuzz(func(t *testing.T, in string) {
		starts := make(chan *wire.Start, 1)
		h := newHub(t, func(_ context.Context, x *mux.Exchange) (any, error) {
			start := new(wire.Start)
			defer func() { starts <- start }()
			return wire.Launched{}, x.Decode(start)
		})
		got := h.front(in, "start", "s")
		var asked *wire.Start
		select {
		case asked = <-starts:
		default:
		}
		var meant wire.StartConfig
		err := json.Unmarshal([]byte(in), &meant)
		sound := err == nil || strings.TrimSpace(in) == ""
		switch {
		case sound && (got != (result{}) || asked == nil || asked.Command != meant.Command || asked.Nudge != meant.Nudge || len(asked.Env) != len(meant.Env)):
			t.Errorf("%q: %+v, the hub was asked for %+v", in, got, asked)
		case !sound && (got.status != 1 || asked != nil || strings.Count(got.stderr, "\n") != 1 || strings.Contains(strings.ToLower(got.stderr), exists)):
			t.Errorf("%q: %+v", in, got)
		}
	})
}
