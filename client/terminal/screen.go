package terminal

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// stuckTerminal is how long a terminal that takes no bytes is waited for at the end. Its owner has perhaps stopped it for good.
const stuckTerminal = time.Second

// screen writes to the terminal, and knows what must be undone there.
type screen struct {
	out   io.Writer
	lock  chan struct{} // holds one token: whoever took it may write
	ended bool
	modes modes
}

func newScreen(out io.Writer) *screen {
	s := &screen{out: out, lock: make(chan struct{}, 1)}
	s.lock <- struct{}{}
	return s
}

// Write passes on what the session shows.
func (s *screen) Write(p []byte) (int, error) {
	<-s.lock
	defer func() { s.lock <- struct{}{} }()
	if s.ended {
		return 0, io.ErrClosedPipe
	}
	if shown := s.modes.track(p); len(shown) > 0 {
		if _, err := s.out.Write(shown); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// reset turns off what the session turned on; with final nothing is written afterwards. It gives up on a terminal that takes nothing.
func (s *screen) reset(final bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), stuckTerminal)
	defer cancel()
	select {
	case <-s.lock:
	case <-ctx.Done():
		return fmt.Errorf("reset the terminal: it takes no output")
	}
	s.ended = final
	bytes := s.modes.reset()
	s.modes = modes{}
	done := make(chan error, 1)
	go func() { // ends when the terminal takes the bytes, at the latest when it is closed
		_, err := io.WriteString(s.out, bytes)
		s.lock <- struct{}{}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("reset the terminal: it takes no output")
	}
}

// notice shows one line at the bottom of the screen, until the session redraws it.
func (s *screen) notice(size wire.Size, text string) {
	if r := []rune(text); size.Columns > 2 && len(r) > size.Columns-2 {
		text = string(r[:size.Columns-2])
	}
	s.overlay(fmt.Sprintf("\x1b7\x1b[%d;1H\x1b[0;7m\x1b[K %s\x1b[0m\x1b8", size.Rows, text))
}

// help shows text on the whole screen, until the session redraws it.
func (s *screen) help(text string) { s.overlay("\x1b[?2026l\x1b[0m\x1b[?25l\x1b[H\x1b[2J" + text) }

// overlay writes text of our own, ending first what the session may have left unfinished.
func (s *screen) overlay(text string) {
	<-s.lock
	unfinished := s.modes.state != modeGround
	s.lock <- struct{}{}
	if unfinished {
		text = cancelSequence + text
	}
	// A terminal that can't be written to ends the attach elsewhere.
	_, _ = io.WriteString(s, text)
}
