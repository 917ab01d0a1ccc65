package session

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

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
func (p *pane) Paste(ctx context.Context, buffer string, text []byte, mark string) error {
	flag, err := p.pasteFlag(ctx)
	if err != nil {
		return err
	}
	file := filepath.Join(p.session.cfg.RunDir, "nudge") // always the same: a crash leaves one at most
	defer os.Remove(file)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("write the text: %w", err)
	}
	// tmux 3.3a crashes when something is pasted into a pane whose process has ended.
	replies, err := p.ask(ctx, []string{"load-buffer", "-b", buffer, file}, display(p.paneID(), "#{pane_dead}"))
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(replies[1])) != "0" {
		return errNoSession
	}
	defer p.session.board.screenChanged()
	return p.tell(ctx, []string{"paste-buffer", "-d", flag, "-b", buffer, "-t", p.paneID()}, p.setMark(mark))
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
func (p *pane) Type(ctx context.Context, text, mark string) error {
	defer p.session.board.screenChanged()
	return p.tell(ctx, []string{"send-keys", "-l", "-t", p.paneID(), "--", text}, p.setMark(mark))
}

// Enter presses Enter.
func (p *pane) Enter(ctx context.Context, mark string) error {
	defer p.session.board.screenChanged()
	return p.tell(ctx, []string{"send-keys", "-t", p.paneID(), "Enter"}, p.setMark(mark))
}

// setMark is the command that goes with what is typed. tmux carries both out or neither, and outlives us.
func (p *pane) setMark(mark string) []string {
	return []string{"set-option", "-t", p.target + ":", markNudge, mark}
}

// Mark gives the mark that was set last.
func (p *pane) Mark(ctx context.Context) (string, error) { return p.format(ctx, "#{"+markNudge+"}") }

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
