package kube

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// logged is what agentd's logger writes of one thing.
func logged(t *testing.T, level slog.Level, message string, args ...any) string {
	var line bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&line, &slog.HandlerOptions{Level: slog.LevelDebug}))
	log.With("process", "serve", "pid", 7).Log(t.Context(), level, message, args...)
	return line.String()
}

func TestAgentdsOwnLinesAreToldFromTheAgents(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		line  string
		own   bool
		plain string
	}{
		"an agent's word":               {"hello\n", false, "hello\n"},
		"nothing":                       {"", false, ""},
		"an agent's JSON":               {`{"time":"now","level":"ERROR","msg":"mine"}` + "\n", false, `{"time":"now","level":"ERROR","msg":"mine"}` + "\n"},
		"a line cut short":              {`{"time":"now","level":"ERROR","process":"se`, false, `{"time":"now","level":"ERROR","process":"se`},
		"JSON of another shape":         {`{"time":{"a":1},"process":"x","level":"y"}`, false, `{"time":{"a":1},"process":"x","level":"y"}`},
		"what runs well":                {logged(t, slog.LevelInfo, "listening"), true, ""},
		"what only developers want":     {logged(t, slog.LevelDebug, "read"), true, ""},
		"a warning":                     {logged(t, slog.LevelWarn, "tmux is slow"), true, "tmux is slow"},
		"an error with its reason":      {logged(t, slog.LevelError, "tmux ended", "error", errors.New("exit status 1")), true, "tmux ended: exit status 1"},
		"an error over several lines":   {logged(t, slog.LevelError, "a\nb", "error", errors.New("c\nd")), true, "a\nb: c\nd"},
		"what only looks like an error": {`{"level":"ERROR","time":"now","process":"serve","msg":"m"}`, false, `{"level":"ERROR","time":"now","process":"serve","msg":"m"}`},
	} {
		if got := isOwn(test.line); got != test.own {
			t.Errorf("%s: own %v, want %v", name, got, test.own)
		}
		if got := plain(test.line); got != test.plain {
			t.Errorf("%s: got %q, want %q", name, got, test.plain)
		}
	}
}

func FuzzOwnLines(f *testing.F) {
	for _, line := range []string{"", "hello", `{"time":`, `{"time":"t","level":"INFO","msg":"m","process":"init"}`, `{"time":"t","level":"WARN","msg":"m","process":"init","error":"e"}`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		told := plain(line)
		if !isOwn(line) && told != line {
			t.Errorf("the agent's %q became %q", line, told)
		}
		if isOwn(line) && !strings.HasPrefix(line, "{") {
			t.Errorf("%q is taken for agentd's", line)
		}
	})
}
