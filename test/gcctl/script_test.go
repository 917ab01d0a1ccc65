package gcctl_test

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the command lines in testdata, each script with folders of its own.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			h := newHome(t)
			for _, kv := range h.env {
				key, value, _ := strings.Cut(kv, "=")
				env.Setenv(key, value)
			}
			env.Setenv("PROGRAMS", programs)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"until": until,
		},
	})
}

// until runs a command again and again until it succeeds and prints the text: for what nothing tells of.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until TEXT COMMAND…")
	}
	for range 600 {
		if err := ts.Exec(args[1], args[2:]...); err == nil && strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
		ts.Check(ts.Exec("sleep", "0.05"))
	}
	ts.Fatalf("waited in vain for %q; the last was %q", args[0], ts.ReadFile("stdout"))
}
