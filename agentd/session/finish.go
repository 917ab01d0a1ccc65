package session

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gascity/agentd/agentd/transcript"
	"github.com/gascity/agentd/agentd/wire"
)

const (
	// lastLimit bounds the last lines that an error quotes.
	lastLimit = 5
	// finishLimit bounds the last questions to tmux.
	finishLimit = 3 * time.Second
)

// finish notes an agent's end and takes its session down.
func (s *Session) finish(a *agent, exit wire.Exit) wire.Exit {
	ctx, cancel := context.WithTimeout(context.Background(), finishLimit)
	defer cancel()
	if exit.Reason == "" {
		exit.Reason = s.stopReason(a)
	}
	if exit.Reason == "" && a.ranOutOfMemory(exit) {
		exit.Reason = outOfMemory
	}
	var capture transcript.Capture
	select {
	case <-a.connection().Done():
	default:
		capture = a.snapshot
		a.mirror(ctx)
	}
	if err := a.recorder.Finish(ctx, capture); err != nil {
		s.log.Error("the transcript is incomplete", "error", err)
	}
	last := s.lastLines(ctx, a, capture != nil)
	s.leaveWords(last)
	s.writeExit(exit)
	a.mu.Lock()
	a.exit, a.last = exit, last[max(0, len(last)-lastLimit):]
	a.mu.Unlock()
	s.note(exit)
	close(a.gone)
	s.log.Info("agent ended", "status", exit.Status, "signal", exit.Signal, "reason", exit.Reason)
	a.killServer()
	_ = a.connection().Close()
	a.endRest()
	return exit
}

// finishWithout notes the end of a session that never had an agent.
func (s *Session) finishWithout(exit wire.Exit) wire.Exit {
	s.leaveWords([]string{exit.Reason})
	s.writeExit(exit)
	s.note(exit)
	s.log.Info("session ended without an agent", "status", exit.Status, "reason", exit.Reason)
	return exit
}

// note makes the end known.
func (s *Session) note(exit wire.Exit) {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.board.update(func(st *wire.Status) {
		st.State, st.Exit, st.Stopping, st.Attached = wire.StateExited, &exit, false, 0
	})
}

// stopReason tells why an agent ended that did not end by itself.
func (s *Session) stopReason(a *agent) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case a.abort != nil:
		return "launch failed: " + a.abort.Error()
	case !s.deadline.IsZero():
		return "stopped"
	}
	return ""
}

// lastLines gives the last lines that the agent left: those on its screen, or, when that is gone, those of the transcript.
func (s *Session) lastLines(ctx context.Context, a *agent, screen bool) []string {
	if screen {
		out, err := a.connection().Run(ctx, capture(a.paneID(), "-S", "-100")...)
		if err == nil {
			return nonBlank(strings.Split(string(out), "\n"))
		}
	}
	return nonBlank(s.lines.Last(100))
}

func nonBlank(lines []string) (kept []string) {
	for _, line := range lines {
		if line = strings.TrimRight(line, " "); line != "" {
			kept = append(kept, line)
		}
	}
	return kept
}

func (s *Session) writeExit(exit wire.Exit) {
	if err := s.writeState("exit.json", exit); err != nil {
		s.log.Error("the exit was not noted", "error", err)
	}
}

// writeState writes a file of the state folder, whole or not at all.
func (s *Session) writeState(name string, v any) error {
	if s.cfg.StateDir == "" {
		return nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	f, err := os.CreateTemp(s.cfg.StateDir, "."+name+"-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.Write(append(text, '\n'))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.cfg.StateDir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
