// Package activity tells when a terminal program last did something, as opposed to echoing what was typed for it or painting the same
// text anew.
//
// A Tracker is told of the program's output and of what is done to its terminal; it says when it needs to see the screen's text, and compares
// what it is shown. It reads no clock and starts nothing: all times are given to it.
package activity

import (
	"sync"
	"time"
)

// The times within which a change of the screen has a cause other than the program.
const (
	// keysEcho: after keys were sent, any change is their echo.
	keysEcho = 250 * time.Millisecond
	// enterEcho: after the Enter of a nudge, a change is echo when the nudge's text explains it. Programs take the text from their input box
	// to their transcript within a few frames.
	enterEcho = 500 * time.Millisecond
	// repaint: after a change of the window's size, any change is a repaint; until lateRepaint it is one when only the arrangement changed.
	repaint     = 250 * time.Millisecond
	lateRepaint = 2 * time.Second
	// typingEnds bounds how long a nudge's typing is believed to go on without word of its end.
	typingEnds = 30 * time.Second
	// torn is how soon the rest of a frame comes, of which a look has seen a part.
	torn = 30 * time.Millisecond
	// every is the least time between two looks at the screen of a program that never rests: ten a second cost about 1 ms of CPU.
	every = 100 * time.Millisecond
)

// Tracker finds out when the program last did something. Methods may be called from any goroutine.
type Tracker struct {
	mu   sync.Mutex
	last time.Time // the activity
	text string    // the screen's text when it was last seen

	pending bool      // there was output since the screen was last looked at
	output  time.Time // of the last output
	looked  time.Time // when the screen was last looked at
	doubt   *doubt    // a change that may be half of a repaint

	resized   window   // resizes, attaches and detaches
	arranged  string   // the text before them
	keys      window   // keys sent
	typing    bool     // a nudge is being typed
	typed     window   // from its first character to its first Enter, or for as long as that is awaited
	entered   window   // its Enters
	nudge     string   // its text
	beforeAll []string // the screen's lines before it was typed
	beforeEnt []string // and before its Enter
}

// doubt is a change that has been seen once. A program that clears its screen and paints the same again may be caught in between.
type doubt struct {
	was string    // the text before
	at  time.Time // the output that brought the change
}

// New makes a tracker of a program whose last activity was at the given time: its launch, or what was known before it was adopted. text is what
// its screen shows, empty at a launch.
func New(last time.Time, text string) *Tracker {
	return &Tracker{last: last, text: text}
}

// Last gives the time of the output by which the program last did something.
func (t *Tracker) Last() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// Output tells of output at the given time.
func (t *Tracker) Output(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending, t.output = true, at
}

// Due tells when the screen should be looked at, that is captured and given to Looked. It is false when there is nothing to be seen.
func (t *Tracker) Due() (at time.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.pending {
		return t.looked.Add(torn), t.doubt != nil
	}
	if next := t.looked.Add(every); next.After(t.output) {
		return next, true
	}
	return t.output, true
}

// Looked gives the screen's visible text, captured by a command that was sent at the given time. Output that comes after that time leads to another
// look, and so does a change, which counts once it is seen to last. It reports whether Last has changed.
func (t *Tracker) Looked(at time.Time, text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looked = at
	was, output := t.text, t.output
	if output.After(at) {
		output = at // that output is not on this screen, but what brought the change came before
	} else {
		t.pending = false
	}
	t.text = text
	changed, back := t.settle(text)
	if text != was && !back && output.After(t.last) && !t.explained(output, was, text) {
		t.doubt = &doubt{was: was, at: output}
	}
	return changed
}

// settle decides about a change that was in doubt, now that the screen shows text. It reports whether the change counts, or the text is back that was
// there before: then it was half of a repaint.
func (t *Tracker) settle(text string) (counts, back bool) {
	d := t.doubt
	t.doubt = nil
	if d == nil {
		return false, false
	}
	if d.was == text {
		return false, true
	}
	counts = d.at.After(t.last)
	if counts {
		t.last = d.at
	}
	return counts, false
}

// Typing tells that a nudge's text is about to be typed: until Entering, all changes are its echo. (nudge.Watcher)
func (t *Tracker) Typing(at time.Time, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.typing, t.nudge = true, text
	t.typed, t.entered = window{at, at.Add(typingEnds)}, window{}
	t.beforeAll = lines(t.text)
}

// Entering tells that the nudge's Enter is about to be pressed. (nudge.Watcher)
func (t *Tracker) Entering(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.typing {
		t.typing, t.typed.end = false, at
	}
	t.entered.extend(at, enterEcho)
	t.beforeEnt = lines(t.text)
}

// Abandoned tells that no Enter will follow what was typed. (nudge.Watcher)
func (t *Tracker) Abandoned(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.typing, t.typed.end = false, at.Add(keysEcho)
}

// Keys tells that keys are about to be sent, by whom ever but a person.
func (t *Tracker) Keys(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keys.extend(at, keysEcho)
}

// Person tells that somebody at an attached terminal typed something, which counts as activity.
func (t *Tracker) Person(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at.After(t.last) {
		t.last = at
	}
}

// Resized tells that a terminal was attached, detached or resized, or is about to be.
func (t *Tracker) Resized(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.resized.has(at) {
		t.arranged = t.text
	}
	t.resized.extend(at, repaint)
}
