package session

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gascity/agentd/agentd/tmux"
)

// marks is what a process that adopts the agent must know of its launch. They are kept as user options of the tmux session.
type marks struct {
	started  time.Time
	activity time.Time // as last noted: it may have moved a little since
	key      string
	workDir  string
	// launchEnv tells the session environment's variables that the launch brought, by name, with a fingerprint of the value: whether one was changed since can be
	// told without a second copy of what may be a secret.
	launchEnv map[string]string
}

const (
	markStarted  = "@agentd_started"
	markActivity = "@agentd_activity"
	markKey      = "@agentd_key"
	markWorkDir  = "@agentd_work_dir"
	markEnv      = "@agentd_env"
	markNudge    = "@agentd_nudge" // how far the last nudge has got; package nudge's
)

// markFormat gives the marks, one a line. A line break in the work dir is written so that it stays one line.
const markFormat = "#{" + markStarted + "}\n#{" + markActivity + "}\n#{" + markKey + "}\n#{" + markWorkDir + "}\n#{" + markEnv + "}"

// commands gives the tmux commands that set the marks on target.
func (m marks) commands(target string) [][]string {
	names := make([]string, 0, len(m.launchEnv))
	for name, print := range m.launchEnv {
		names = append(names, strconv.Quote(name)+"="+print)
	}
	set := func(name, value string) []string { return []string{"set-option", "-t", target, name, value} }
	return [][]string{
		set(markStarted, nanos(m.started)), set(markActivity, nanos(m.activity)), set(markKey, strconv.Quote(m.key)),
		set(markWorkDir, strconv.Quote(m.workDir)), set(markEnv, strings.Join(names, " ")),
	}
}

// parseMarks reads what markFormat gave. It is false for a session that isn't marked.
func parseMarks(text string) (marks, bool) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != 5 || lines[0] == "" {
		return marks{}, false
	}
	m := marks{started: fromNanos(lines[0]), activity: fromNanos(lines[1]), launchEnv: map[string]string{}}
	var err1, err2 error
	m.key, err1 = strconv.Unquote(lines[2])
	m.workDir, err2 = strconv.Unquote(lines[3])
	if err1 != nil || err2 != nil || m.started.IsZero() {
		return marks{}, false
	}
	for rest := lines[4]; rest != ""; {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return marks{}, false
		}
		name, _ := strconv.Unquote(quoted)
		print, tail, _ := strings.Cut(strings.TrimPrefix(rest[len(quoted):], "="), " ")
		m.launchEnv[name], rest = print, tail
	}
	return m, true
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func fromNanos(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(0, n)
}

// fingerprint tells two values of a variable apart.
func fingerprint(name, value string) string {
	sum := sha256.Sum256([]byte(name + "=" + value))
	return hex.EncodeToString(sum[:8])
}

func fingerprints(env map[string]string) map[string]string {
	prints := make(map[string]string, len(env))
	for name, value := range env {
		prints[name] = fingerprint(name, value)
	}
	return prints
}

// sessionName is what gc and people know the session by.
const sessionName = "main"

// configuration gives the tmux configuration that makes the session. Nothing of the user's is read.
func configuration(l plan, m marks, term string) (string, error) {
	create := []string{"new-session", "-d", "-s", sessionName, "-x", strconv.Itoa(l.columns), "-y", strconv.Itoa(l.rows), "-c", l.workDir}
	for name, value := range l.env {
		create = append(create, "-e", name+"="+value)
	}
	if l.command != "" {
		create = append(create, l.command)
	}
	commands := [][]string{
		{"set-option", "-sq", "escape-time", "10"},
		{"set-option", "-sq", "focus-events", "on"},
		// tmux logs all commands, with what we type and set in them.
		{"set-option", "-sq", "message-limit", "0"},
		{"set-option", "-g", "default-terminal", term},
		{"set-option", "-g", "status", "off"},
		{"set-option", "-g", "history-limit", "10000"},
		{"set-option", "-g", "destroy-unattached", "off"},
		{"set-option", "-g", "detach-on-destroy", "on"},
		// The session's environment is the metadata: who attaches brings nothing into it.
		{"set-option", "-g", "update-environment", ""},
		// A pane that has ended is kept, with its status and its last screen.
		{"set-option", "-gw", "remain-on-exit", "on"},
		{"set-option", "-gwq", "remain-on-exit-format", ""},
		{"set-option", "-gw", "window-size", "latest"},
		{"set-option", "-gwq", "allow-rename", "off"},
		{"set-option", "-gw", "automatic-rename", "off"},
		// It would stop the tmux client of an attached terminal, where no shell is to continue it.
		{"unbind-key", "C-z"},
		create,
	}
	commands = append(commands, m.commands("="+sessionName+":")...)
	var b strings.Builder
	for _, c := range commands {
		line, err := tmux.Line(c...)
		if err != nil {
			return "", fmt.Errorf("configure tmux: %w", err)
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String(), nil
}
