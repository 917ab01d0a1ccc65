package contract_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheAgentSeesItsEnvironment(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		odd := "a \"quoted\" $VALUE with 'all' kinds\nof lines; #{pane_id} \\ é 🙂\t."
		g.start("s", config{
			"command": `printf '%s|%s|%s' "$ODD" "${EMPTY-unset}" "$GC_SESSION_ID" > seen; exec cat`,
			"env":     map[string]string{"ODD": odd, "EMPTY": "", "GC_SESSION_ID": "id-1"},
		})
		g.until("the agent has written", func() bool { return g.inWork("s", "seen") != "" })
		if got, want := g.inWork("s", "seen"), odd+"||id-1"; got != want {
			t.Errorf("the agent saw %q, want %q", got, want)
		}
	})
}

func TestTheAgentSeesTheEnvironmentOfTheCallThatStartsIt(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.env = append(g.env, "WHOSE=the hub's starter")
	g.ok("is-running", "s")
	g.env = append(g.env, "WHOSE=mine")
	g.start("s", config{"command": `echo "$WHOSE" > seen; exec cat`})
	g.until("the agent has written", func() bool { return g.file("work", "seen") != "" })
	if got := g.file("work", "seen"); got != "mine\n" {
		t.Errorf("the agent saw %q", got)
	}
}

func TestTheAgentSeesNothingThatSpeaksOfItsController(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		kept := []string{"GC_SESSION", "GC_EVENTS", "GC_BEADS", "TMUX_PANE"}
		env := map[string]string{"GC_SESSION_ID": "id-1"}
		for _, name := range kept[:3] {
			env[name] = "from the JSON"
		}
		for _, name := range kept {
			g.env = append(g.env, name+"=from the caller")
		}
		g.env = append(g.env, "TMUX=/tmp/callers,1,0")
		g.start("s", config{"command": "env >seen; echo written; exec cat", "env": env})
		g.untilScreen("s", "written")
		seen := map[string]string{}
		for line := range strings.Lines(g.inWork("s", "seen")) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			seen[name] = value
		}
		for _, name := range kept {
			if value, ok := seen[name]; ok && strings.HasPrefix(value, "from") {
				t.Errorf("the agent sees %s=%q", name, value)
			}
			g.is("", "get-meta", "s", name)
		}
		if strings.Contains(seen["TMUX"], "callers") {
			t.Errorf("the agent sees the caller's tmux: %q", seen["TMUX"])
		}
		if seen["GC_TMUX_SESSION"] != "main" || seen["GC_SESSION_ID"] != "id-1" {
			t.Errorf("the agent sees GC_TMUX_SESSION=%q, GC_SESSION_ID=%q", seen["GC_TMUX_SESSION"], seen["GC_SESSION_ID"])
		}
	})
}

func TestTheUsersOwnTmuxIsLeftAlone(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.write("set -g status-left from-the-users-config\nset -g history-limit 7\n", "home", ".tmux.conf")
	g.write("set -g status-left from-the-users-config\n", "home", ".config", "tmux", "tmux.conf")
	tmux := need(t, "tmux")
	// The user's server, under the name that the sessions use, too.
	own := func(args ...string) string {
		cmd := exec.Command(tmux, args...)
		cmd.Env = append(slices.Clone(g.env), "TMUX_TMPDIR="+g.path("home"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("tmux %q: %v: %s", args, err, out)
		}
		return string(out)
	}
	own("new-session", "-d", "-s", "main", "cat")
	g.env = append(g.env, "TMUX_TMPDIR="+g.path("home"))
	g.start("s", config{"command": "echo words; exec cat"})
	g.untilScreen("s", "words")
	if got := own("list-sessions", "-F", "#{session_name}"); got != "main\n" {
		t.Errorf("the user's sessions are now %q", got)
	}
	if got := g.tmux("s", "show-options", "-g", "status-left") + g.tmux("s", "show-options", "-g", "history-limit"); strings.Contains(got, "users-config") || strings.Contains(got, " 7\n") {
		t.Errorf("the session has the user's options: %q", got)
	}
	g.ok("stop", "s")
	if got := own("list-sessions", "-F", "#{session_name}"); got != "main\n" {
		t.Errorf("after stop the user's sessions are %q", got)
	}
	own("kill-server")
}

func TestPreStartMayMakeTheWorkDir(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	r := g.start("s", config{"command": "pwd >where; exec cat", "work_dir": g.path("new", "dir"), "pre_start": []string{"mkdir -p " + g.path("new", "dir")}})
	g.until("the agent has written", func() bool { return g.file("new", "dir", "where") != "" })
	if got := g.file("new", "dir", "where"); got != g.path("new", "dir")+"\n" || r.stderr != "" {
		t.Errorf("the agent is in %q; start says %q", got, r.stderr)
	}
}

func TestUnknownFieldsAndNoFieldsAtAllAreFine(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		for name, input := range map[string]string{"unknown": `{"command":"cat","not_yet_invented":{"a":[1]}}`, "empty": `{}`, "nothing": ``, "null": `null`,
			"nulls": `{"command":"cat","env":null,"pre_start":null,"copy_files":null,"overlay_dir":""}`} {
			if r := g.run(input, "start", name); r.status != 0 {
				t.Errorf("%s: status %d: %s", name, r.status, r.stderr)
			}
			g.is("true", "is-running", name)
		}
	})
}

func TestWithoutACommandTheSessionIsAShell(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", nil)
		g.okIn("echo $((6*7))", "nudge", "s")
		g.untilScreen("s", "\n42")
	})
}

func TestFoldersGoOverEachOtherInTheContractsOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		layers := []string{"pack1", "pack2", "overlay", "copied"}
		// File i is in the layers up to i, so the last of these must win.
		for i, layer := range layers {
			for j := i; j < len(layers); j++ {
				g.write(layer, layer, "sub", layers[j])
			}
		}
		g.write("of the work dir", "work", "sub", "own")
		g.write("single", "single.txt")
		g.start("s", config{
			"command":           "cat",
			"pack_overlay_dirs": []string{g.path("pack1"), g.path("pack2"), g.path("no-such-pack")},
			"overlay_dir":       g.path("overlay"),
			"copy_files": []map[string]string{
				{"src": g.path("copied"), "rel_dst": ""}, {"src": g.path("single.txt"), "rel_dst": "deep/renamed.txt"},
				{"src": g.path("single.txt")}, {"src": g.path("missing"), "rel_dst": "missing"},
			},
		})
		for _, layer := range layers {
			if got := g.inWork("s", "sub", layer); got != layer {
				t.Errorf("file %q is of layer %q", layer, got)
			}
		}
		for file, want := range map[string]string{"sub/own": "of the work dir", "deep/renamed.txt": "single", "single.txt": "single", "missing": ""} {
			if got := g.inWork("s", file); got != want {
				t.Errorf("file %q holds %q, want %q", file, got, want)
			}
		}
	})
}

func TestPreStartRunsInTheTargetBeforeTheAgent(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", config{
		"command":   "cat order; exec cat",
		"pre_start": []string{`echo "first $WORD" > order`, "pwd >> order"},
		"env":       map[string]string{"WORD": "here"},
	})
	g.untilScreen("s", "first here\n"+g.path("work"))
}

func TestSetupRunsInTheTargetAfterTheAgentAndBeforeStartReturns(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		script := g.write("#!/bin/bash\nwords=(script $WORD)\ntmux display-message -p \"${words[*]} #{session_name}\" >> order\n", "controller", "setup.sh")
		if err := os.Chmod(script, 0o644); err != nil { // it is read, not run
			t.Fatal(err)
		}
		g.start("s", config{
			"command":              "cat",
			"session_setup":        []string{`sleep 0.2; tmux display-message -p "setup $WORD #{session_name}" >> order`},
			"session_setup_script": script,
			"session_live":         []string{`sleep 0.2; tmux display-message -p "live $WORD #{session_name}" >> order`},
			"env":                  map[string]string{"WORD": "w"},
		})
		if got, want := g.inWork("s", "order"), "setup w main\nscript w main\nlive w main\n"; got != want {
			t.Errorf("when start had returned the file was %q, want %q", got, want)
		}
	})
}

func TestAFailingSetupCommandOnlyWarns(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		r := g.start("s", config{
			"command":              "cat",
			"pre_start":            []string{"echo pre-words >&2; exit 3", "touch went-on"},
			"session_setup":        []string{"no-such-setup-command"},
			"session_setup_script": g.path("no-such-script"),
			"session_live":         []string{"exit 9"},
			"overlay_dir":          g.path("no-such-overlay"),
		})
		g.is("true", "is-running", "s")
		for _, words := range []string{"pre-words", "no-such-setup-command", "no-such-script", "9"} {
			if !strings.Contains(r.stderr, words) {
				t.Errorf("stderr warns of nothing with %q: %q", words, r.stderr)
			}
		}
		for line := range strings.Lines(r.stderr) {
			if !strings.Contains(line, "warning") {
				t.Errorf("no warning: %q", line)
			}
		}
		if !g.isInWork("s", "went-on") {
			t.Error("the command after a failing one did not run")
		}
	})
}

func TestTheNudgeWaitsForThePrompt(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	r := g.start("s", config{
		// What is typed before the prompt is thrown away, as TUIs do.
		"command":             `stty -echo; sleep 0.7; python3 -c 'import termios,sys; termios.tcflush(0, termios.TCIFLUSH)'; stty echo; printf ' ❯ '; cat > got`,
		"ready_prompt_prefix": "❯",
		"nudge":               "do the work\nnow",
	})
	if r.took < 700*time.Millisecond {
		t.Errorf("start returned after %s, before the prompt", r.took)
	}
	g.until("the nudge has arrived", func() bool { return g.file("work", "got") == "do the work\nnow\n" })
}

func TestTheReadyDelayIsSlept(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.ok("is-running", "s")
	c := agent("prompt", g.path("got"))
	c["ready_delay_ms"], c["nudge"] = 800, "hello"
	if r := g.start("s", c); r.took < 800*time.Millisecond {
		t.Errorf("start returned after %s", r.took)
	}
	g.until("the nudge has arrived", func() bool { return strings.Join(g.submitted("got"), "") == "hello" })
}

func TestStartReturnsWhenTheProcessIsThere(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.start("s", config{"command": "sleep 0.5; exec bash -c 'exec -a late sleep 1000'", "process_names": []string{"late"}})
		if got := g.okIn("late", "process-alive", "s"); got != "true" {
			t.Errorf("process-alive gives %q when start has returned", got)
		}
	})
}

func TestStartWarnsOfAProcessThatDoesNotCome(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		r := g.start("s", config{"command": "cat", "process_names": []string{"never-there"}})
		if !strings.Contains(r.stderr, "never-there") {
			t.Errorf("stderr is %q", r.stderr)
		}
	})
}
