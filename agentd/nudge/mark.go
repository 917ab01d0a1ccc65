package nudge

import (
	"context"
	"fmt"
	"time"
)

// mark tells how far a message has got. The pane keeps the last one, and sets it in one step with the keys that it tells of: so it is right whatever becomes
// of this process or of its connection to the pane, and a message that was begun can be gone on with.
type mark struct {
	id     uint64 // the message's number
	typed  int    // bytes of its text
	enters int    // that were pressed
}

func (m mark) String() string { return fmt.Sprintf("%d %d %d", m.id, m.typed, m.enters) }

// parseMark reads a mark. What is none is a mark of no message.
func parseMark(text string) mark {
	var m mark
	if _, err := fmt.Sscanf(text, "%d %d %d", &m.id, &m.typed, &m.enters); err != nil || m.typed < 0 || m.enters < 0 {
		return mark{}
	}
	return m
}

// find learns from the pane's mark how far the message has got.
func (d *delivery) find(ctx context.Context) error {
	text, err := d.Mark(ctx)
	if err != nil {
		return fmt.Errorf("look how far the message has got: %w", err)
	}
	at := parseMark(text)
	if at.id == d.at.id {
		at.typed = min(at.typed, len(d.text))
		d.at = at
	}
	return nil
}

// resume looks how a message stands that was typed before. It gives the screen when the text still stands at the cursor. Else a message whose Enter was pressed
// has been submitted; any other is in a program that shows it otherwise or not at all, and gets its one Enter.
func (d *delivery) resume(ctx context.Context) (shown *Screen, submitted bool, err error) {
	d.watch.Typing(time.Now(), string(d.text))
	screen, err := d.rested(ctx)
	switch {
	case err != nil:
	case screen.stands(d.ending):
		return &screen, false, nil
	default:
		submitted = d.at.enters > 0
	}
	if err != nil || submitted {
		d.watch.Abandoned(time.Now())
	}
	return nil, submitted, err
}

// rested gives the screen once the program has come to rest.
func (d *delivery) rested(ctx context.Context) (Screen, error) {
	now := time.Now()
	err := sleep(ctx, now.Add(quiet)) // it may be about to show what was typed just now
	if err == nil {
		_, err = d.settle(ctx, now.Add(echoEnds), nil)
	}
	if err != nil {
		return Screen{}, fmt.Errorf("wait to go on: %w", err)
	}
	if err := d.leaveMode(ctx); err != nil {
		return Screen{}, err
	}
	screen, err := d.Capture(ctx)
	return screen, wrap("look at the screen to go on", err)
}
