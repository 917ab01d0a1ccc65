package session

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gascity/agentd/agentd/transcript"
	"github.com/gascity/agentd/agentd/wire"
)

const (
	// terminationLimit is what Kubernetes reads of a termination message, in bytes.
	terminationLimit = 4096
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
	if err := s.writeTermination(last); err != nil {
		s.log.Error("no termination message", "error", err)
	}
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
	if err := s.writeTermination([]string{exit.Reason}); err != nil {
		s.log.Error("no termination message", "error", err)
	}
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

// writeTermination writes as many of the last lines as fit into the termination message.
func (s *Session) writeTermination(lines []string) error {
	if s.cfg.TerminationLog == "" {
		return nil
	}
	text := ""
	for i := len(lines) - 1; i >= 0; i-- {
		if len(lines[i])+1+len(text) > terminationLimit {
			if text == "" {
				text = cutFront(lines[i], terminationLimit-1) + "\n"
			}
			break
		}
		text = lines[i] + "\n" + text
	}
	// It may be a mounted file, which can't be replaced but must be written in place.
	if err := os.WriteFile(s.cfg.TerminationLog, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the termination message: %w", err)
	}
	return nil
}

// cutFront drops what is over limit bytes from the front, whole characters at a time.
func cutFront(text string, limit int) string {
	from := max(0, len(text)-limit)
	for from < len(text) && !utf8.RuneStart(text[from]) {
		from++
	}
	return text[from:]
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
