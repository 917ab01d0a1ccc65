package session

import (
	"os"
	"sync"

	"github.com/gascity/agentd/agentd/wire/lastwords"
)

// lastWords is the termination message. It is written at the agent's end, and again should the metadata change in the moment between that and agentd's.
type lastWords struct {
	mu      sync.Mutex // held while the file is written
	written bool
	screen  []string
}

// leaveWords writes the termination message, with the lines as the last screen. Whatever goes wrong with it holds up nothing.
func (s *Session) leaveWords(lines []string) {
	s.words.mu.Lock()
	defer s.words.mu.Unlock()
	s.words.written, s.words.screen = true, lines
	s.writeWords()
}

// amendWords takes changed metadata into a termination message that is written already.
func (s *Session) amendWords() {
	s.words.mu.Lock()
	defer s.words.mu.Unlock()
	if s.words.written && s.cfg.TerminationMeta {
		s.writeWords()
	}
}

// writeWords writes the file. The caller holds words.mu.
func (s *Session) writeWords() {
	if s.cfg.TerminationLog == "" {
		return
	}
	var meta map[string]string
	if s.cfg.TerminationMeta {
		meta, _ = s.Mirrored()
	}
	// It may be a mounted file, which can't be replaced but must be written in place.
	if err := os.WriteFile(s.cfg.TerminationLog, []byte(lastwords.Message(s.words.screen, meta)), 0o600); err != nil {
		s.log.Error("no termination message", "error", err)
	}
}
