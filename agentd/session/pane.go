package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gascity/agentd/agentd/nudge"
	"github.com/gascity/agentd/agentd/wire"
)

// pane is the agent's pane as nudges are typed into it.
type pane struct {
	*agent
	raw string // the flag that makes paste-buffer exact, once known
}

// InMode reports whether the pane is in copy mode.
func (p *pane) InMode(ctx context.Context) (bool, error) {
	text, err := p.format(ctx, "#{pane_in_mode}")
	return text != "0" && text != "", err
}

// LeaveMode leaves copy mode.
func (p *pane) LeaveMode(ctx context.Context) error {
	return p.tell(ctx, leaveMode(p.paneID()))
}

func leaveMode(target string) []string { return []string{"copy-mode", "-q", "-t", target} }

// Paste pastes text through a tmux buffer, which is filled from a private file: the only way into tmux for any bytes in any number.
func (p *pane) Paste(ctx context.Context, buffer string, text []byte) error {
	flag, err := p.pasteFlag(ctx)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(p.session.cfg.RunDir, "nudge-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("write the text: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the text: %w", err)
	}
	defer p.session.board.screenChanged()
	return p.tell(ctx, []string{"load-buffer", "-b", buffer, f.Name()}, []string{"paste-buffer", "-d", flag, "-b", buffer, "-t", p.paneID()})
}

// pasteFlag gives the flags for an exact paste. Newer versions of tmux replace control characters unless told not to with -S.
func (p *pane) pasteFlag(ctx context.Context) (string, error) {
	if p.raw == "" {
		replies, err := p.ask(ctx, []string{"list-commands", "-F", "#{command_list_usage}", "paste-buffer"})
		if err != nil {
			return "", err
		}
		p.raw = "-p"
		flags, _, _ := strings.Cut(string(replies[0]), "]") // "[-dprS] [-s separator] …"
		if strings.HasPrefix(flags, "[-") && strings.Contains(flags, "S") {
			p.raw = "-pS"
		}
	}
	return p.raw, nil
}

// Type types text.
func (p *pane) Type(ctx context.Context, text string) error {
	defer p.session.board.screenChanged()
	return p.tell(ctx, []string{"send-keys", "-l", "-t", p.paneID(), "--", text})
}

// Enter presses Enter.
func (p *pane) Enter(ctx context.Context) error {
	defer p.session.board.screenChanged()
	return p.tell(ctx, []string{"send-keys", "-t", p.paneID(), "Enter"})
}

// Capture gives what the screen shows.
func (p *pane) Capture(ctx context.Context) (nudge.Screen, error) {
	replies, err := p.ask(ctx, capture(p.paneID()), display(p.paneID(), "#{cursor_x} #{cursor_y}"))
	if err != nil {
		return nudge.Screen{}, err
	}
	s := nudge.Screen{Text: string(replies[0])}
	if _, err := fmt.Sscan(string(replies[1]), &s.CursorX, &s.CursorY); err != nil {
		return nudge.Screen{}, errNoSession // a pane that is gone has no cursor
	}
	return s, nil
}

// Output tells of the pane's output.
func (p *pane) Output() nudge.Output { return p.out.until() }

func capture(target string, more ...string) []string {
	return append([]string{"capture-pane", "-p", "-t", target}, more...)
}

func display(target, format string) []string {
	if target == "" { // the session that we are attached to
		return []string{"display-message", "-p", format}
	}
	return []string{"display-message", "-p", "-t", target, format}
}

// format gives the value of a tmux format for the pane.
func (a *agent) format(ctx context.Context, format string) (string, error) {
	replies, err := a.ask(ctx, display(a.paneID(), format))
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(string(replies[0]), "\n"), nil
}

// Nudge types text into the agent and submits it, after those that came before. A key that is not empty makes a repeat safe.
func (s *Session) Nudge(ctx context.Context, key string, text []byte) error {
	a, err := s.live()
	if err != nil {
		return err
	}
	if err := a.queue.Nudge(ctx, key, text); err != nil {
		s.counts.nudgesFailed.Add(1)
		return err
	}
	s.counts.nudges.Add(1)
	return nil
}

// Keys types keys, which have tmux's names; what is no name is typed as text.
func (s *Session) Keys(ctx context.Context, keys []string) error {
	a, err := s.live()
	if err != nil {
		return err
	}
	return a.keys(ctx, keys)
}

// Interrupt types C-c.
func (s *Session) Interrupt(ctx context.Context) error { return s.Keys(ctx, []string{"C-c"}) }

func (a *agent) keys(ctx context.Context, keys []string) error {
	a.tracker.Keys(time.Now())
	defer a.session.board.screenChanged()
	return a.tell(ctx, leaveMode(a.paneID()), append([]string{"send-keys", "-t", a.paneID(), "--"}, keys...))
}

// ClearScrollback forgets what has scrolled off the screen.
func (s *Session) ClearScrollback(ctx context.Context) error {
	a, err := s.live()
	if err != nil {
		return err
	}
	defer s.board.screenChanged()
	return a.tell(ctx, []string{"clear-history", "-t", a.paneID()})
}

// Peek gives the screen with lines of history above it, exactly as `tmux capture-pane -p -S -LINES` does; all of the history for 0 or less.
func (s *Session) Peek(ctx context.Context, p wire.Peek) ([]byte, wire.PeekReply, error) {
	a, err := s.live()
	if err != nil {
		return nil, wire.PeekReply{}, err
	}
	// The version is taken before the text: text that is newer than its version is peeked again needlessly, the reverse would go unnoticed.
	version := s.board.screen.Load()
	if p.Have != 0 && p.Have == version {
		return nil, wire.PeekReply{Screen: version, Unchanged: true}, nil
	}
	from := historyFrom(p.Lines)
	replies, err := a.ask(ctx, capture(a.paneID(), "-S", from))
	if err != nil {
		return nil, wire.PeekReply{}, err
	}
	return replies[0], wire.PeekReply{Screen: version}, nil
}

var _ nudge.Pane = (*pane)(nil)

// historyFrom gives capture-pane's -S for so many lines of history; 0 or less means all.
func historyFrom(lines int) string {
	if lines <= 0 {
		return "-"
	}
	return "-" + strconv.Itoa(lines)
}
