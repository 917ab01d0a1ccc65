package local

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/paths"
)

// leftover is the folder of an ended session, with those files in it.
func leftover(t *testing.T, files map[string]string) *endpoint {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &endpoint{state: dir}
}

func TestTheExitOfAnEndedSessionIsWhatAgentdWroteDown(t *testing.T) {
	t.Parallel()
	exit := leftover(t, map[string]string{exitFile: `{"status":42,"reason":"stopped","time":"2026-11-24T01:02:03Z"}`}).Exit(t.Context())
	if exit == nil || exit.Status != 42 || exit.Reason != "stopped" || exit.Time.Hour() != 1 {
		t.Errorf("got %+v", exit)
	}
	for name, content := range map[string]string{"empty": "", "cut off": `{"status":4`, "without a time": `{"status":1}`, "null": "null", "a list": "[]"} {
		if got := leftover(t, map[string]string{exitFile: content}).Exit(t.Context()); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := leftover(t, nil).Exit(t.Context()); got != nil {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestTheMetadataOfAnEndedSessionIsWhatAgentdMirrored(t *testing.T) {
	t.Parallel()
	got, err := leftover(t, map[string]string{metaFile: `{"A":"1","B":""}`}).Meta(t.Context())
	if err != nil || len(got) != 2 || got["A"] != "1" {
		t.Errorf("got %v, %v", got, err)
	}
	for _, none := range []map[string]string{nil, {metaFile: "null"}, {metaFile: "{}"}} {
		got, err := leftover(t, none).Meta(t.Context())
		if err != nil || got == nil || len(got) != 0 {
			t.Errorf("%v: got %v, %v", none, got, err)
		}
	}
	if _, err := leftover(t, map[string]string{metaFile: `{"A":`}).Meta(t.Context()); err == nil || !strings.Contains(err.Error(), metaFile) {
		t.Errorf("a damaged one: %v", err)
	}
}

func TestMetadataIsChangedOnceItsAgentdHasLeftAndOneAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.launched("s")
	w.killAgentd(e)
	var changing sync.WaitGroup
	for i := range 20 {
		changing.Go(func() {
			err := e.ChangeMeta(t.Context(), func(m map[string]string) { m[string(rune('a'+i))] = "x" })
			if err != nil {
				t.Error(err)
			}
		})
	}
	changing.Wait()
	if got, err := e.Meta(t.Context()); err != nil || len(got) != 20 {
		t.Errorf("got %v, %v", got, err)
	}
	if err := e.Remove(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if err := e.ChangeMeta(t.Context(), func(map[string]string) { t.Error("changed") }); wire.CodeOf(err) != wire.CodeNoSession {
		t.Errorf("of one that is gone: %v", err)
	}
}

func TestTheLogsLastLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(strings.Repeat("x", 99)+"\n", 1000) // more than is read at a time
	for name, test := range map[string]struct {
		log  string
		tail int
		want string
	}{
		"all":                     {"a\nb\nc\n", -1, "a\nb\nc\n"},
		"none":                    {"a\nb\nc\n", 0, ""},
		"one":                     {"a\nb\nc\n", 1, "c\n"},
		"two":                     {"a\nb\nc\n", 2, "b\nc\n"},
		"as many as there are":    {"a\nb\nc\n", 3, "a\nb\nc\n"},
		"more than there are":     {"a\nb\nc\n", 9, "a\nb\nc\n"},
		"an unfinished line":      {"a\nb\nc", 1, "c"},
		"blank lines":             {"a\n\n\n", 2, "\n\n"},
		"a single line":           {"a", 1, "a"},
		"an empty log":            {"", 5, ""},
		"across what is read":     {"first\n" + long, 1001, "first\n" + long},
		"across what is read, -1": {"first\n" + long, 1000, long},
	} {
		var b strings.Builder
		if err := leftover(t, map[string]string{outputFile: test.log}).Log(t.Context(), test.tail, &b); err != nil || b.String() != test.want {
			t.Errorf("%s: got %d bytes %.40q, %v; want %d", name, b.Len(), b.String(), err, len(test.want))
		}
	}
	var b strings.Builder
	if err := leftover(t, nil).Log(t.Context(), -1, &b); err != nil || b.Len() != 0 {
		t.Errorf("no log: %q, %v", b.String(), err)
	}
}

func FuzzTheLogsTailIsSoManyLines(f *testing.F) {
	f.Add("a\nb\nc\n", 2)
	f.Add("\n\n", 1)
	f.Fuzz(func(t *testing.T, log string, tail int) {
		if tail < 0 || tail > 1000 {
			return
		}
		e := leftover(t, map[string]string{outputFile: log})
		var b strings.Builder
		if err := e.Log(t.Context(), tail, &b); err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(log, "\n")
		if lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		if want := strings.Join(lines[max(0, len(lines)-tail):], ""); b.String() != want {
			t.Errorf("the last %d of %q are %q, got %q", tail, log, want, b.String())
		}
	})
}

func TestWhyIsTheLastErrorOrElseTheLastLine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ log, want string }{
		"nothing said":    {"", ""},
		"no error":        {`{"level":"INFO","msg":"up"}` + "\n" + `{"level":"INFO","msg":"down"}` + "\n\n", "down"},
		"an error before": {`{"level":"ERROR","msg":"listen","error":"no space"}` + "\n" + `{"level":"INFO","msg":"leaving"}` + "\n", "listen: no space"},
		"a crash":         {`{"level":"ERROR","msg":"old"}` + "\npanic: index out of range\n\ngoroutine 1 [running]:\nmain.main()\n", "panic: index out of range"},
		"plain words":     {"agentd: unknown flag\n", "agentd: unknown flag"},
		"a line cut off":  {strings.Repeat("x", whyTail) + "\n" + `{"level":"ERROR","msg":"end"}` + "\n", "end"},
	} {
		if got := leftover(t, map[string]string{ownLogFile: test.log}).Why(t.Context()); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	if got := leftover(t, nil).Why(t.Context()); got != "" {
		t.Errorf("no log: %q", got)
	}
}

func TestARecordIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	dir, id := t.TempDir(), paths.SessionID("näme\n")
	r := record{Name: "näme\n", City: "/city", Key: "k", Instance: "i", Audience: "a", Created: time.Now().UTC(), WorkDir: "/w", Command: "c", PID: 7, PIDStart: "8",
		Launched: time.Now().UTC()}
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := readRecord(dir, id)
	if err != nil || *got != r {
		t.Errorf("got %+v, %v", got, err)
	}
	if none, err := readRecord(filepath.Join(dir, "none"), id); none != nil || err != nil {
		t.Errorf("of no folder: %+v, %v", none, err)
	}
	if _, err := readRecord(dir, paths.SessionID("other")); !errors.Is(err, errDamaged) {
		t.Errorf("in another session's place: %v", err)
	}
}

func FuzzARecordIsSoundOrDamaged(f *testing.F) {
	id := paths.SessionID("s")
	sound, err := json.Marshal(record{Name: "s", Instance: "i", Audience: "a"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sound)
	f.Add([]byte(`{"name":"s","pid":"x"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b, id)
		switch {
		case err != nil && !errors.Is(err, errDamaged):
			t.Errorf("%v", err)
		case err == nil && (r.Name != "s" || r.Instance == "" || r.Audience == ""):
			t.Errorf("%q gives %+v", b, r)
		}
	})
}

func FuzzWhatAnEndedSessionLeft(f *testing.F) {
	f.Add([]byte(`{"A":"b"}`))
	f.Add([]byte(`{"status":1,"time":"2026-11-24T01:02:03Z"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := leftover(t, map[string]string{metaFile: string(b), exitFile: string(b), ownLogFile: string(b)})
		if meta, err := e.Meta(t.Context()); err == nil {
			meta["KEY"] = "value" // as ChangeMeta does
		}
		if exit := e.Exit(t.Context()); exit != nil && exit.Time.IsZero() {
			t.Errorf("%q gives %+v", b, exit)
		}
		if why := e.Why(t.Context()); strings.Contains(why, "\n") && !strings.Contains(string(b), `\n`) {
			t.Errorf("%q gives %q", b, why)
		}
	})
}
