package nudge

import (
	"context"
	"fmt"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// The times of a nudge. They are the longest that programs were seen to need, not the shortest that works on one of them.
const (
	// quiet without output means that a program has shown what it has to show: interactive programs draw an echo in one go, or in frames of 16–50 ms.
	quiet = 120 * time.Millisecond
	// calm is how long a nudge waits for the program to come to rest from what it did before.
	calm = 200 * time.Millisecond
	// echoBegins is how long a program may take to begin showing the text; after that it is taken for one that doesn't.
	echoBegins = 400 * time.Millisecond
	// echoEnds is how long it may go on, and echoEndsNoisy so for one that puts out something all the time, whose quiet can't be waited for.
	echoEnds      = 2 * time.Second
	echoEndsNoisy = 300 * time.Millisecond
	// Larger texts take longer: one second more for so many bytes, to a limit.
	bytesASecond = 256 << 10
	longest      = 15 * time.Second
)

// afterEnter is how long the screen may stand still after the first, the second, … Enter before it counts as swallowed. It grows since
// a program that is merely slow, or starved of processor time, will act on every one of them.
var afterEnter = [...]time.Duration{600 * time.Millisecond, 1200 * time.Millisecond, 2400 * time.Millisecond}

// attempts is how often a message is gone on with that the pane could not be reached for.
const attempts = 3

// delivery is one message on its way.
type delivery struct {
	Pane
	watch  Watcher
	text   []byte
	ending string
	at     mark   // how far it has got
	before Screen // before the text was typed
	noisy  bool   // the program puts out something all the time
}

// deliver types text and submits it, or goes on with that where it was broken off. It reports whether any of it has reached the program.
func (q *Queue) deliver(ctx context.Context, id uint64, text []byte) (begun bool, err error) {
	for range attempts {
		d := &delivery{Pane: q.pane, watch: q.watch, text: text, ending: ending(text), at: mark{id: id}}
		err = d.run(ctx)
		begun = d.at.typed > 0
		if wire.CodeOf(err) != wire.CodeUnavailable || ctx.Err() != nil {
			break
		}
	}
	return begun, err
}

func (d *delivery) run(ctx context.Context) error {
	if err := d.find(ctx); err != nil {
		return err
	}
	step := d.enter
	if d.at.typed == len(d.text) {
		step = d.resume
	}
	shown, submitted, err := step(ctx)
	if err != nil || submitted {
		return err
	}
	return d.submit(ctx, shown)
}

// enter types the text, and gives the screen that shows it.
func (d *delivery) enter(ctx context.Context) (shown *Screen, submitted bool, err error) {
	if err := d.prepare(ctx); err != nil {
		return nil, false, err
	}
	seq := d.Output().Seq
	d.watch.Typing(time.Now(), string(d.text))
	if err = d.put(ctx); err == nil {
		shown, err = d.echo(ctx, seq)
	}
	if err != nil {
		d.watch.Abandoned(time.Now())
	}
	return shown, false, err
}

// prepare waits for the program to come to rest, leaves copy mode and looks at the screen.
func (d *delivery) prepare(ctx context.Context) error {
	rest, err := d.settle(ctx, time.Now().Add(calm), nil)
	if err != nil {
		return fmt.Errorf("wait to type: %w", err)
	}
	d.noisy = !rest
	if err := d.leaveMode(ctx); err != nil {
		return err
	}
	if d.before, err = d.Capture(ctx); err != nil {
		return fmt.Errorf("look at the screen before typing: %w", err)
	}
	return nil
}

func (d *delivery) leaveMode(ctx context.Context) error {
	in, err := d.InMode(ctx)
	if err == nil && in {
		err = d.LeaveMode(ctx)
	}
	if err != nil {
		return fmt.Errorf("leave copy mode: %w", err)
	}
	return nil
}

// put types or pastes what of the text has not been typed.
func (d *delivery) put(ctx context.Context) error {
	if !typed(d.text) {
		at := mark{id: d.at.id, typed: len(d.text)}
		if err := d.Paste(ctx, fmt.Sprintf("agentd-nudge-%d", at.id), d.text, at.String()); err != nil {
			return fmt.Errorf("paste %d bytes: %w", len(d.text), err)
		}
		d.at = at
		return nil
	}
	for _, s := range chunks(string(d.text[d.at.typed:]), MaxTyped) {
		at := mark{id: d.at.id, typed: d.at.typed + len(s)}
		if err := d.Type(ctx, s, at.String()); err != nil {
			return fmt.Errorf("type %d bytes: %w", len(s), err)
		}
		d.at = at
	}
	return nil
}

// echo waits until the program has shown the text, as far as can be seen and within bounds. seq is the output's number before typing. It gives the
// screen as it then is when the text, or anything for it, was shown; nil for a program that shows nothing.
func (d *delivery) echo(ctx context.Context, seq uint64) (*Screen, error) {
	more := time.Duration(len(d.text)) * time.Second / bytesASecond
	began, err := d.outputAfter(ctx, seq, time.Now().Add(min(echoBegins+more, longest)))
	if err != nil || !began {
		return nil, wrap("wait for the echo", err)
	}
	limit := echoEnds
	if d.noisy {
		limit = echoEndsNoisy
	}
	if _, err := d.settle(ctx, time.Now().Add(min(limit+more, longest)), d.arrived); err != nil {
		return nil, wrap("wait for the echo", err)
	}
	screen, err := d.Capture(ctx)
	if err != nil {
		return nil, wrap("look at the screen after typing", err)
	}
	if screen == d.before {
		return nil, nil
	}
	return &screen, nil
}

// arrived reports whether the text's end has come up on the screen: then a program that never is quiet need not be waited for.
func (d *delivery) arrived(ctx context.Context) (bool, error) {
	screen, err := d.Capture(ctx)
	return err == nil && screen.shows(d.ending) > d.before.shows(d.ending), err
}

// submit presses Enter, and again while the screen shows that it was swallowed. shown is the screen with the text on it, nil if the program
// showed nothing: then nothing can be seen of the Enter either, and a second might submit a second time.
func (d *delivery) submit(ctx context.Context, shown *Screen) error {
	for _, patience := range afterEnter[min(d.at.enters, len(afterEnter)):] {
		// Somebody at an attached terminal may have scrolled back meanwhile. Keys would then go to copy mode.
		if err := d.leaveMode(ctx); err != nil {
			return err
		}
		d.watch.Entering(time.Now())
		at := mark{d.at.id, d.at.typed, d.at.enters + 1}
		if err := d.Enter(ctx, at.String()); err != nil {
			return fmt.Errorf("press Enter: %w", err)
		}
		d.at = at
		if shown == nil {
			return nil
		}
		taken, err := d.taken(ctx, *shown, time.Now().Add(patience))
		if err != nil || taken {
			return wrap("look for what Enter did", err)
		}
	}
	return nil
}

// taken waits until the screen shows that Enter did something, and reports whether it has by the deadline. While the text still waits at the
// cursor, nothing has been done with it, whatever else moves (a clock, a spinner).
func (d *delivery) taken(ctx context.Context, shown Screen, deadline time.Time) (bool, error) {
	for {
		out := d.Output()
		screen, err := d.Capture(ctx)
		if err != nil {
			return false, err
		}
		if screen != shown && !shown.holds(d.ending, screen) {
			return true, nil
		}
		more, err := d.outputAfter(ctx, out.Seq, deadline)
		if err != nil || !more {
			return false, err
		}
	}
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
