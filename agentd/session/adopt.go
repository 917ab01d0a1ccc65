package session

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gascity/agentd/agentd/activity"
	"github.com/gascity/agentd/agentd/tmux"
	"github.com/gascity/agentd/agentd/wire"
)

// adopt finds the agent that an earlier process launched; nil if there is none.
func (s *Session) adopt(ctx context.Context) (*agent, error) {
	if !tmux.Answers(s.cfg.TmuxDir) {
		return nil, nil
	}
	a := s.newAgent()
	target, m, err := s.findMarked(a.tmux)
	if err != nil || target == "" {
		return nil, err
	}
	a.target, a.marks = target, m
	screen, err := a.tmux.Command(capture(a.paneID())...).Output()
	if err != nil {
		screen = nil // the pane is gone, as the supervisor will find
	}
	a.tracker = activity.New(m.activity, string(screen))
	c, err := tmux.Attach(ctx, a.tmux, target)
	if errors.Is(err, tmux.ErrNoSession) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("adopt the agent: %w", err)
	}
	a.connect(c)
	if err := a.identify(ctx); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("adopt the agent: %w", err)
	}
	a.queue = a.newQueue(true)
	a.recorder.Resume(s.cfg.Logged)
	done := make(chan struct{})
	close(done)
	s.mu.Lock()
	s.workDir = m.workDir
	s.launch = &launching{key: m.key, cancel: func() {}, done: done, adopted: true}
	s.mu.Unlock()
	s.log.Info("agent adopted", "session", target, "pid", a.rootPID(), "started", m.started)
	return a, nil
}

// findMarked gives the id and the marks of the session that agentd made, whatever its name is now.
func (s *Session) findMarked(o tmux.Options) (string, marks, error) {
	out, err := o.Command("list-sessions", "-F", "#{session_id}").Output()
	if err != nil {
		return "", marks{}, nil // the server has no session, or has just gone
	}
	for id := range strings.FieldsSeq(string(out)) {
		text, err := o.Command(display(id+":", markFormat)...).Output()
		if err != nil {
			continue // killed meanwhile
		}
		if m, ok := parseMarks(string(text)); ok {
			return id, m, nil
		}
	}
	return "", marks{}, nil
}

// identify learns the ids of what a is connected to. The agent's pane is the session's first, and was the server's when its number is 0.
func (a *agent) identify(ctx context.Context) error {
	replies, err := a.ask(ctx, display("", "#{session_id} #{pid}"), display(a.paneID(), inspectFormat))
	if err != nil {
		return err
	}
	if _, err := fmt.Sscan(string(replies[0]), &a.target, &a.server); err != nil {
		return fmt.Errorf("read tmux's ids from %q: %w", replies[0], err)
	}
	look, err := parseInspection(string(replies[1]))
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.pid = look.pid
	a.mu.Unlock()
	a.session.board.update(func(st *wire.Status) { st.Columns, st.Rows = look.columns, look.rows })
	return nil
}

// inspection is what the supervisor wants to know of the pane and its session.
type inspection struct {
	exists        bool
	pid           int
	dead          bool
	status        int // -1 when unknown
	signal        int
	columns, rows int
	clients       int // attached, our own connection among them
	session, name string
}

const inspectFormat = "#{pane_id}|#{pane_pid}|#{pane_dead}|#{pane_dead_status}|#{pane_dead_signal}|#{window_width}|#{window_height}|#{session_attached}|#{session_id}|#{session_name}"

func parseInspection(text string) (inspection, error) {
	fields := strings.SplitN(strings.TrimSuffix(text, "\n"), "|", 10)
	if len(fields) != 10 {
		return inspection{}, fmt.Errorf("tmux described the pane as %q", text)
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n }
	i := inspection{
		exists: fields[0] != "", pid: number(fields[1]), dead: fields[2] == "1", status: -1, signal: signalNumber(fields[4]),
		columns: number(fields[5]), rows: number(fields[6]), clients: number(fields[7]), session: fields[8], name: fields[9],
	}
	if fields[3] != "" {
		i.status = number(fields[3])
	}
	return i, nil
}
