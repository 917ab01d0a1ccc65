package gcctl

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func running(name string, change ...func(*wire.Info)) wire.Info {
	s := wire.Info{Name: name, Created: now.Add(-3 * time.Minute), Command: "bash", WorkDir: "/work"}
	s.State, s.Started, s.Activity, s.Columns, s.Rows = wire.StateRunning, now.Add(-2*time.Minute), now.Add(-time.Second), 80, 24
	for _, c := range change {
		c(&s)
	}
	return s
}

func listing(format string) *listOptions {
	return &listOptions{app: &app{getenv: func(string) string { return "" }}, output: outputFlag{format: format}}
}

func TestAListsRow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		session wire.Info
		want    string
	}{
		"one that runs": {running("a"), "a running 2m 1s ago 80x24"},
		"one that just began": {running("a", func(s *wire.Info) {
			s.State, s.Started, s.Activity, s.Columns = wire.StateWaiting, time.Time{}, time.Time{}, 0
		}), "a waiting 3m - -"},
		"one that is stopped": {running("a", func(s *wire.Info) { s.Stopping = true }), "a stopping 2m 1s ago 80x24"},
		"one that ended":      {running("a", func(s *wire.Info) { s.State, s.Exit = wire.StateExited, &wire.Exit{Status: 7} }), "a exited (7) 2m 1s ago 80x24"},
		"one that is lost":    {running("a", func(s *wire.Info) { s.Lost = "why" }), "a lost 2m 1s ago 80x24"},
		"a name with controls": {running("a\x1b[2Jb"),
			"a [2Jb running 2m 1s ago 80x24"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var texts []string
			for _, cell := range listing("").row(c.session, now) {
				texts = append(texts, cell.text)
			}
			if got := strings.Join(texts, " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if wide := listing("wide"); len(wide.row(running("a"), now)) != len(wide.titles()) {
		t.Error("a wide row has not as many cells as there are titles")
	}
}

func TestAWatchTellsWhatChanged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format        string
		before, after []wire.Info
		want          []string // beginnings of the lines; no entry: nothing is printed
	}{
		"at first all":                {"", nil, []wire.Info{running("a"), running("b")}, []string{"NAME", "a ", "b "}},
		"at first none":               {"", nil, []wire.Info{}, []string{"NAME"}},
		"one that came":               {"", []wire.Info{running("a")}, []wire.Info{running("a"), running("b")}, []string{"b      running"}},
		"one that went":               {"", []wire.Info{running("a"), running("b", func(s *wire.Info) { s.Stopping = true })}, []wire.Info{running("a")}, []string{"b      gone"}},
		"one that ended":              {"", []wire.Info{running("a")}, []wire.Info{running("a", func(s *wire.Info) { s.State = wire.StateExited })}, []string{"a      exited"}},
		"one that was made anew":      {"", []wire.Info{running("a")}, []wire.Info{running("a", func(s *wire.Info) { s.Created = now })}, []string{"a      running"}},
		"activity alone is no change": {"", []wire.Info{running("a")}, []wire.Info{running("a", func(s *wire.Info) { s.Activity = now })}, nil},
		"names that came":             {"name", []wire.Info{running("a"), running("b")}, []wire.Info{running("a", func(s *wire.Info) { s.Stopping = true }), running("c")}, []string{"c"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := listing(c.format)
			o.table.lines([][]cell{plain("NAME", "STATE")}, palette{}, 0) // what came before has widths
			var out bytes.Buffer
			if err := o.append(&out, c.after, c.before); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if out.Len() == 0 {
				lines = nil
			}
			if len(lines) != len(c.want) {
				t.Fatalf("it prints %q, want %q", lines, c.want)
			}
			for i, want := range c.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("line %d is %q, want %q…", i, lines[i], want)
				}
			}
		})
	}
}

func TestAWatchsJSONIsALineAList(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := listing("json")
	for range 2 {
		if err := o.append(&out, []wire.Info{running("a<b>")}, nil); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "a<b>") {
		t.Fatalf("it prints %q", lines)
	}
	var reply wire.ListReply
	if err := json.Unmarshal([]byte(lines[1]), &reply); err != nil || len(reply.Sessions) != 1 {
		t.Errorf("line 2: %v, %+v", err, reply)
	}
}

func TestColourIsForThoseWhoWantIt(t *testing.T) {
	t.Parallel()
	if paletteFor(&bytes.Buffer{}, func(string) string { return "" }).on {
		t.Error("what is no terminal gets colours")
	}
	if got := (palette{on: true}).paint("", paintBad); got != "" {
		t.Errorf("nothing is painted: %q", got)
	}
}

func TestDescribeExit(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]wire.Exit{
		"agent exited with status 7":            {Status: 7},
		"agent ended by signal 9 (killed)":      {Status: 137, Signal: 9},
		"agent exited with status 1: tmux died": {Status: 1, Reason: "tmux died"},
	} {
		if got := describeExit(e); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
