package agentd_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func TestAnAgentsLife(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	var state wire.StateReply
	d.call(c, wire.OpState, nil, &state)
	if state.State != wire.StateWaiting || state.Version == "" {
		t.Errorf("before the launch: %+v", state)
	}
	before := time.Now().Add(-time.Second)
	launched := d.launchAll(c, wire.Launch{Command: "cat", Env: map[string]string{"GC_SESSION_ID": "s1", "SECRET": "x"}, Columns: 90, Rows: 30})
	if launched.State != wire.StateRunning || launched.Started.Before(before) {
		t.Errorf("launched: %+v", launched)
	}
	d.call(c, wire.OpState, nil, &state)
	if state.State != wire.StateRunning || state.Columns != 90 || state.Rows != 30 || state.Activity.Before(before) {
		t.Errorf("after the launch: %+v", state)
	}
	if err := d.try(c, wire.OpLaunch, wire.Launch{Command: "cat", WorkDir: d.path("work")}, nil); wire.CodeOf(err) != wire.CodeState {
		t.Errorf("a second launch: %v, want %s", err, wire.CodeState)
	}

	d.nudge(c, "hello there")
	d.waitScreen(c, "the line and its echo", func(s string) bool { return strings.Count(s, "hello there") == 2 })
	d.call(c, wire.OpKeys, wire.Keys{Keys: []string{"x", "y", "Enter"}}, nil)
	d.waitScreen(c, "the keys and their echo", func(s string) bool { return strings.Count(s, "xy") == 2 })

	var activity wire.ActivityReply
	d.call(c, wire.OpActivity, nil, &activity)
	if activity.Time.Before(before) || activity.Time.After(time.Now()) {
		t.Errorf("activity %v", activity.Time)
	}
	for name, want := range map[string]bool{"cat": true, "ca": false, "tmux": false, "agentd": false} {
		var alive wire.ProcessAliveReply
		d.call(c, wire.OpProcessAlive, wire.ProcessAlive{Names: []string{"nonsense", name}}, &alive)
		if alive.Alive != want {
			t.Errorf("process %q alive: %v", name, alive.Alive)
		}
	}

	d.call(c, wire.OpInterrupt, nil, nil)
	if status := d.status(); status != 130 {
		t.Errorf("exit status %d after an interrupt, want 130", status)
	}
	<-c.Done()
	if code := mux.CloseCode(c.Err()); code != wire.CloseExited {
		t.Errorf("close code %d (%v), want %d", code, c.Err(), wire.CloseExited)
	}
}

func TestMetaIsOneStoreForBothSides(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launchAll(c, wire.Launch{Command: "cat", Env: map[string]string{"GC_SESSION_ID": "s1", "SECRET": "x"}})
	get := func(key string) wire.Meta {
		t.Helper()
		var m wire.Meta
		d.call(c, wire.OpMetaGet, wire.Meta{Key: key}, &m)
		return m
	}
	if m := get("GC_SESSION_ID"); !m.Set || m.Value != "s1" {
		t.Errorf("the start's env: %+v", m)
	}
	if m := get("none"); m.Set || m.Value != "" {
		t.Errorf("a key that is not set: %+v", m)
	}
	for _, value := range []string{"plain", "", "two\nlines", "$HOME `id` \"quoted\" \\ ünïcödé 🦊", " -t ; kill-server"} {
		d.call(c, wire.OpMetaSet, wire.Meta{Key: "k", Value: value}, nil)
		if m := get("k"); !m.Set || m.Value != value {
			t.Errorf("set %q, got %+v", value, m)
		}
	}
	d.tmux("set-environment", "-t", "main", "GC_DRAIN_ACK", "1")
	if m := get("GC_DRAIN_ACK"); m.Value != "1" {
		t.Errorf("what the agent's side set: %+v", m)
	}
	var list wire.MetaList
	d.call(c, wire.OpMetaList, nil, &list)
	if list.Meta["GC_SESSION_ID"] != "s1" || list.Meta["GC_DRAIN_ACK"] != "1" || list.Meta["SECRET"] != "" {
		t.Errorf("list %v", list.Meta)
	}
	d.call(c, wire.OpMetaRemove, wire.Meta{Key: "k"}, nil)
	if m := get("k"); m.Set {
		t.Errorf("removed, got %+v", m)
	}
	for name, bad := range map[string]wire.Meta{
		"no key":             {},
		"an equals sign":     {Key: "a=b"},
		"a zero byte":        {Key: "a", Value: "\x00"},
		"too long a key":     {Key: strings.Repeat("k", wire.MaxMetaKey+1)},
		"too large a value":  {Key: "k", Value: strings.Repeat("v", wire.MaxMetaValue+1)},
		"a newline in a key": {Key: "a\nb"},
	} {
		err := d.try(c, wire.OpMetaSet, bad, nil)
		if code := wire.CodeOf(err); code != wire.CodeBadRequest && code != wire.CodeTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPeekSendsAnUnchangedScreenOnce(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "seq 1 200; cat")
	d.waitText(c, "200")
	text, first := d.peek(c, wire.Peek{Lines: 10})
	want := d.tmux("capture-pane", "-p", "-t", "main", "-S", "-10")
	if strings.TrimRight(text, "\n") != want {
		t.Errorf("peek gives %q, tmux %q", text, want)
	}
	text, again := d.peek(c, wire.Peek{Lines: 10, Have: first.Screen})
	if text != "" || !again.Unchanged || again.Screen != first.Screen {
		t.Errorf("an unchanged screen: %d bytes, %+v", len(text), again)
	}
	d.call(c, wire.OpKeys, wire.Keys{Keys: []string{"z"}}, nil)
	text, changed := d.peek(c, wire.Peek{Lines: 10, Have: first.Screen})
	if changed.Unchanged || changed.Screen <= first.Screen || text == "" {
		t.Errorf("after our own key: %d bytes, %+v", len(text), changed)
	}
	if all, _ := d.peek(c, wire.Peek{}); !strings.HasPrefix(all, "1\n2\n") {
		t.Errorf("all of the scrollback begins with %.20q", all)
	}
	d.call(c, wire.OpClear, nil, nil)
	if all, _ := d.peek(c, wire.Peek{}); strings.HasPrefix(all, "1\n2\n") {
		t.Error("the scrollback is not cleared")
	}
}

func TestRequestsThatCannotBe(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "cat")
	for name, r := range map[string]struct {
		op   wire.Op
		body any
		want wire.Code
	}{
		"an unknown operation":            {"frobnicate", nil, wire.CodeUnknownOp},
		"an operation of the hub's":       {wire.OpList, wire.List{}, wire.CodeUnknownOp},
		"a body of another type":          {wire.OpPeek, json.RawMessage(`[1]`), wire.CodeBadRequest},
		"no key to send":                  {wire.OpKeys, wire.Keys{}, wire.CodeBadRequest},
		"too many keys":                   {wire.OpKeys, wire.Keys{Keys: make([]string, wire.MaxKeys+1)}, wire.CodeTooLarge},
		"a stop in negative time":         {wire.OpStop, wire.Stop{GraceMS: -1}, wire.CodeBadRequest},
		"a terminal of impossible size":   {wire.OpAttach, wire.Attach{Size: wire.Size{Columns: -1, Rows: 1 << 20}}, wire.CodeBadRequest},
		"a terminal of unknown encoding":  {wire.OpAttach, wire.Attach{Encoding: "lzw"}, wire.CodeBadRequest},
		"a file outside of the work dir":  {wire.OpGet, wire.Get{Path: "/etc/passwd"}, ""},
		"a file above the work dir":       {wire.OpGet, wire.Get{Path: "../keys/signing.pem"}, ""},
		"a folder outside to put into":    {wire.OpPut, wire.Put{Dir: "../.."}, ""},
		"another work dir while it runs ": {wire.OpPut, wire.Put{WorkDir: "/etc"}, ""},
	} {
		err := d.try(c, r.op, r.body, nil)
		if err == nil || wire.CodeOf(err) == wire.CodeInternal || r.want != "" && wire.CodeOf(err) != r.want {
			t.Errorf("%s: error %v (%s), want %s", name, err, wire.CodeOf(err), r.want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := stream(ctx, c, mux.Request{Op: wire.OpNudge, Key: strings.Repeat("k", 1000)}, nil, nil)
	if wire.CodeOf(err) != wire.CodeTooLarge {
		t.Errorf("a key of 1000 bytes: %v", err)
	}
	_, err = stream(ctx, c, mux.Request{Op: wire.OpNudge}, make([]byte, wire.MaxNudge+1), nil)
	if wire.CodeOf(err) != wire.CodeTooLarge {
		t.Errorf("a nudge over the limit: %v", err)
	}
	// An unknown field is ignored: the sender may be newer.
	if err := d.try(c, wire.OpPeek, json.RawMessage(`{"lines":1,"colour":true}`), nil); err != nil {
		t.Errorf("an unknown field: %v", err)
	}
}

func TestARepeatedNudgeIsTypedOnce(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	out := d.path("work", "lines")
	d.launch(c, "stty -echo; echo ready; exec cat > "+out)
	d.waitText(c, "ready") // a text that still was echoed would get another Enter when its first moved nothing
	for range 3 {
		if err := d.tryNudge(c, "key-1", "once"); err != nil {
			t.Fatal(err)
		}
	}
	d.nudge(c, "end")
	within(t, "the last line", func() bool { return strings.Contains(read(t, out), "end") })
	if got := lines(read(t, out)); !slices.Equal(got, []string{"once", "end"}) {
		t.Errorf("the agent read %q", got)
	}
}

func TestMetricsTellOfTheNudgesThatWait(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "stty -echo; echo ready; exec cat > lines")
	d.waitText(c, "ready")
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			if err := d.tryNudge(c, "", "a nudge"); err != nil {
				t.Error(err)
			}
		})
	}
	within(t, "nudges wait", func() bool { return d.metric("agentd_nudges_waiting") > 1 })
	callers.Wait()
	if waiting, typed := d.metric("agentd_nudges_waiting"), d.metric("agentd_nudges_total"); waiting != 0 || typed != 4 {
		t.Errorf("%v nudges wait and %v were typed; want none and 4", waiting, typed)
	}
}

func TestTheOutputStreamFollows(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "echo first; read go; echo second; read go; exit 3")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	k, err := c.Open(ctx, mux.Request{Op: wire.OpOutput, Body: wire.Output{Tail: -1, Follow: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Cancel()
	got := &buffer{}
	awaited := func(text string) {
		t.Helper()
		p := make([]byte, 4<<10)
		for !strings.Contains(got.String(), text) {
			n, err := k.Read(p)
			_, _ = got.Write(p[:n])
			if err != nil {
				t.Fatalf("waiting for %q: %v; so far %q", text, err, got)
			}
		}
	}
	awaited("first\n")
	d.call(c, wire.OpKeys, wire.Keys{Keys: []string{"Enter"}}, nil)
	awaited("second\n")
	d.call(c, wire.OpKeys, wire.Keys{Keys: []string{"Enter"}}, nil)
	if err := k.Result(nil); err != nil {
		t.Errorf("the stream's end: %v", err)
	}
	if status := d.status(); status != 3 {
		t.Errorf("status %d, want 3", status)
	}
	if log := read(t, d.path("agent.log")); !strings.Contains(log, "first\n") || !strings.Contains(log, "second\n") {
		t.Errorf("the output file holds %q", log)
	}
}

func TestAFailedLaunchEndsEverything(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]wire.Launch{
		"a command that dies":      {Command: "echo no such luck; exit 7"},
		"a command that is absent": {Command: "/no/such/program"},
		"no work dir":              {Command: "cat", WorkDir: "/no/such/dir"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t)
			if l.WorkDir == "" {
				l.WorkDir = d.path("work")
			}
			l.ReadyDelayMS = 300
			err := d.try(d.dial(), wire.OpLaunch, l, nil)
			if err == nil || wire.CodeOf(err) == wire.CodeInternal {
				t.Errorf("error %v", err)
			}
			if name == "a command that dies" && (err == nil || !strings.Contains(err.Error(), "7") || !strings.Contains(err.Error(), "no such luck")) {
				t.Errorf("error %v, want the status and the last lines", err)
			}
			d.status()
		})
	}
}

func TestACancelledLaunchEndsTheSession(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	k, err := c.Open(ctx, mux.Request{Op: wire.OpLaunch, Body: wire.Launch{Command: "cat", WorkDir: d.path("work"), ReadyDelayMS: 60_000}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.NextPush(); err != nil {
		t.Fatalf("no progress: %v", err)
	}
	k.Cancel()
	d.status()
}
