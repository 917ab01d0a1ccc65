package gcctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
)

// show keeps the session's screen on this terminal until ctx or the session ends; what it showed last stays.
func (o *peekOptions) show(ctx context.Context, session string) error {
	out, ok := o.app.streams.Out.(*os.File)
	if !ok || !isTerminal(out) {
		return o.app.noFollowing(session)
	}
	// Asked before the screen is taken: a wrong name is said on the person's own.
	last, err := o.app.peek(ctx, session, 0)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, enterScreen); err != nil {
		return err
	}
	var exit *wire.Exit
	err = o.app.follow(ctx, session, func() error {
		return o.app.hub().Do(ctx, string(wire.OpWatch), true, func(ctx context.Context, c *mux.Conn) (err error) {
			exit, err = watchScreen(ctx, c, session, func(text string) error {
				last = text
				return drawScreen(out, text)
			})
			return err
		})
	})
	_, writeErr := io.WriteString(out, leaveScreen+last)
	if exit != nil && err == nil {
		fmt.Fprintln(o.app.streams.Err, describeExit(*exit))
	}
	return errors.Join(o.app.explain(ctx, session, err), writeErr)
}

// watchScreen calls draw with the screen's text at first and after each change, until the session ends.
func watchScreen(ctx context.Context, c *mux.Conn, session string, draw func(string) error) (*wire.Exit, error) {
	k, err := c.Open(ctx, mux.Request{Op: wire.OpWatch, Session: session})
	if err != nil {
		return nil, err
	}
	defer k.Cancel()
	var have uint64
	var exit *wire.Exit
	for {
		raw, err := k.NextPush()
		if errors.Is(err, io.EOF) {
			return exit, ignoreNoSession(k.Result(nil))
		}
		if err != nil {
			return exit, err
		}
		var e wire.Event
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, fmt.Errorf("decode an event: %w", err)
		}
		if e.State == wire.StateExited {
			return e.Exit, nil
		}
		if e.Screen == have && have != 0 {
			continue
		}
		text, reply, err := capture(ctx, c, session, wire.Peek{Lines: 1, Have: have})
		if err != nil {
			return exit, ignoreNoSession(err)
		}
		if reply.Unchanged {
			continue
		}
		have = reply.Screen
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		if len(lines) > e.Rows && e.Rows > 0 {
			lines = lines[len(lines)-e.Rows:]
		}
		if err := draw(joinLines(trimEmpty(lines))); err != nil {
			return nil, err
		}
	}
}

// ignoreNoSession takes a session that ended while it was watched for the end.
func ignoreNoSession(err error) error {
	if wire.CodeOf(err) == wire.CodeNoSession {
		return nil
	}
	return err
}

// drawScreen draws text on the whole terminal; of one that is too long the end.
func drawScreen(out *os.File, text string) error {
	columns, rows, err := term.GetSize(int(out.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		columns, rows = 80, 24
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > rows {
		lines = lines[len(lines)-rows:]
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(clip(strings.Map(printable, line), columns) + "\x1b[K")
	}
	b.WriteString("\x1b[J")
	_, err = io.WriteString(out, b.String())
	return err
}
