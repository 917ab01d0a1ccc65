package gcctl

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/gascity/agentd/client/events"
)

func TestParseSpan(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]time.Duration{
		"10m": 10 * time.Minute, "0": 0, "7d": 7 * 24 * time.Hour, "1h30m": 90 * time.Minute, "-1h": -1, "d": -1, "-2d": -1, "99999d": -1, "5": -1, "": -1,
	} {
		if got, err := parseSpan(given); (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: %v, %v", given, got, err)
		}
	}
}

func TestKindsHaveOneColour(t *testing.T) {
	t.Parallel()
	used := map[paint]bool{}
	for _, kind := range []string{"agent", "bead", "mail", "convoy", "order", "session", "controller", "city", "worker", "deploy"} {
		hue := hueOf(kind + ".started")
		if hue != hueOf(kind) || hue != hueOf(kind+".stopped.late") || sequences[hue] == "" {
			t.Errorf("%s has %d", kind, hue)
		}
		used[hue] = true
	}
	if len(used) < 4 {
		t.Errorf("%d colours for 10 kinds", len(used))
	}
}

func FuzzDescribe(f *testing.F) {
	f.Add(`{"seq":1,"type":"a\u001b[31m","message":"x\r\n\u009b31my","payload":{"k` + "\u009b" + `":"\u0007"}}`)
	f.Add(`{"ts":"2026-03-04T05:06:07Z","payload":[1.0,{}],"subject":"\u0000"}`)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := events.Parse([]byte(text))
		if err != nil {
			return
		}
		bad := func(r rune) bool { return unicode.IsControl(r) && r != '\n' }
		if said := describe(e, time.Now(), palette{}); strings.ContainsFunc(said, bad) {
			t.Errorf("%q is described as %q", text, said)
		}
		raw := harmless(events.OneLine(e.JSON))
		if strings.ContainsFunc(strings.ReplaceAll(string(raw), "\t", ""), bad) || !json.Valid(raw) {
			t.Errorf("%q is printed as %q", text, raw)
		}
		var before, after any
		if json.Unmarshal(e.JSON, &before) == nil && (json.Unmarshal(raw, &after) != nil || !equalJSON(t, before, after)) {
			t.Errorf("%q is printed as %q, which means something else", text, raw)
		}
	})
}

func equalJSON(t *testing.T, a, b any) bool {
	t.Helper()
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	return err == nil && string(x) == string(y)
}
