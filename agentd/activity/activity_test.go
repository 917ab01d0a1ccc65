package activity

import (
	"strings"
	"testing"
	"time"
)

// life is a program's terminal in a time of its own, which begins an hour after the program last did something.
type life struct {
	*Tracker
	begin, now time.Time
	screen     string
}

func newLife(screen ...string) *life {
	begin := time.Unix(1_000_000, 0)
	text := strings.Join(screen, "\n")
	return &life{Tracker: New(begin.Add(-time.Hour), text), begin: begin, now: begin, screen: text}
}

// after lets time pass, with the looks that are due.
func (l *life) after(d time.Duration) *life {
	end := l.now.Add(d)
	for {
		due, ok := l.Due()
		if !ok || due.After(end) {
			l.now = end
			return l
		}
		l.Looked(due, l.screen)
	}
}

// shows has the program put out what makes the screen show this. It is looked at when that is due, at once if the screen was at rest.
func (l *life) shows(screen ...string) *life {
	l.screen = strings.Join(screen, "\n")
	l.Output(l.now)
	return l.after(0)
}

func (l *life) nudge(text string) *life {
	l.Typing(l.now, text)
	return l
}

func (l *life) enter() *life {
	l.Entering(l.now)
	return l
}

const (
	ms   = time.Millisecond
	rule = "────────"
)

func TestActivity(t *testing.T) {
	t.Parallel()
	idle := time.Duration(-1)
	for name, c := range map[string]struct {
		life func() *life
		want time.Duration // after the beginning; idle if nothing was done
	}{
		"a program that prints is active": {func() *life { return newLife("a").after(5*ms).shows("a", "b") }, 5 * ms},
		"a spinner is activity": {func() *life {
			l := newLife("work |")
			for _, c := range `/-\|/-\` {
				l.after(200 * ms).shows("work " + string(c))
			}
			return l
		}, 1400 * ms},
		"a counter is activity": {func() *life { return newLife("working (3s)").after(time.Second).shows("working (4s)") }, time.Second},
		"a repaint of the same text is none": {func() *life {
			l := newLife("a", "b")
			for range 50 {
				l.after(200*ms).shows("a", "b")
			}
			return l
		}, idle},
		"nor is one that is seen half done": {func() *life {
			return newLife("a", "b").after(time.Second).shows("a").after(5*ms).shows("a", "b").after(time.Second).shows("").after(20*ms).shows("a", "b")
		}, idle},
		"something that was on the screen for a while is activity": {func() *life {
			return newLife("a").after(time.Second).shows("b").after(200 * ms).shows("a")
		}, 1200 * ms},
		"output that shows nothing is none": {func() *life { return newLife("a").shows("a") }, idle},
		"a change seen without any output is none": {func() *life {
			l := newLife("a")
			l.screen = "b"
			l.Looked(l.now, "b")
			return l
		}, idle},

		"the echo of a nudge is none": {func() *life {
			return newLife("$").nudge("hello").after(10*ms).shows("$ he").after(100*ms).shows("$ hello").after(120*ms).enter().after(5*ms).shows("$ hello", "")
		}, idle},
		"nor is it when the program shows something else for it": {func() *life {
			return newLife(">").nudge("hello\nyou").after(10 * ms).shows("> [pasted 2 lines]").after(120 * ms).enter()
		}, idle},
		"a program that takes the text from its box to its transcript has done nothing": {func() *life {
			return newLife("Welcome", rule, "> Try something", rule).nudge("hello there").
				after(10*ms).shows("Welcome", rule, "> hello there", rule).
				after(120*ms).enter().after(16*ms).shows("Welcome", "> hello there", rule, "> Try something", rule)
		}, idle},
		"nor when it puts a name before the text, and scrolls": {func() *life {
			return newLife("one", "two", rule, ">").nudge("hello there").
				after(10*ms).shows("one", "two", rule, "> hello there").
				after(120*ms).enter().after(16*ms).shows("two", "You: hello there", rule, ">")
		}, idle},
		"nor when it wraps the text elsewhere": {func() *life {
			return newLife(">").nudge("the quick brown fox jumps over the lazy dog and runs away").
				after(10*ms).shows("> the quick brown fox jumps", "  over the lazy dog and", "  runs away").
				after(120*ms).enter().after(16*ms).shows("│ you │ the quick brown fox jumps over the", "│     │ lazy dog and runs away", ">")
		}, idle},
		"a shell's new prompt is none": {func() *life {
			return newLife("me@host:~$").nudge("true").after(10*ms).shows("me@host:~$ true").after(120*ms).enter().after(10*ms).shows("me@host:~$ true", "me@host:~$")
		}, idle},
		"an answer right after the Enter is activity": {func() *life {
			return newLife("$").nudge("date").after(10*ms).shows("$ date").after(120*ms).enter().after(20*ms).shows("$ date", "Mon Nov 23", "$")
		}, 150 * ms},
		"so is one like the answer before": {func() *life {
			return newLife("> a", "fine", ">").nudge("more").after(10*ms).shows("> a", "fine", "> more").
				after(120*ms).enter().after(20*ms).shows("> a", "fine", "> more", "fine", ">")
		}, 150 * ms},
		"and an answer together with the moved text": {func() *life {
			return newLife(rule, ">").nudge("hello there").after(10*ms).shows(rule, "> hello there").
				after(120*ms).enter().after(20*ms).shows("hello there", "Thinking…", rule, ">")
		}, 150 * ms},
		"an answer later is activity even if it repeats the text": {func() *life {
			return newLife(">").nudge("hello").after(10*ms).shows("> hello").after(120*ms).enter().after(20*ms).shows("> hello", ">").after(enterEcho).shows("> hello", "hello", ">")
		}, 650 * ms},
		"the second Enter of a nudge has its echo, too": {func() *life {
			return newLife(">").nudge("hello").after(10*ms).shows("> hello").after(120*ms).enter().after(600*ms).enter().after(20*ms).shows("hello", ">")
		}, idle},
		"what comes of an abandoned nudge is echo for a moment": {func() *life {
			l := newLife(">").nudge("hello").after(20 * ms)
			l.Abandoned(l.now)
			return l.after(100 * ms).shows("> hel")
		}, idle},
		"typing that is never ended does not hide all that comes": {func() *life {
			return newLife(">").nudge("hello").after(typingEnds).shows("> working")
		}, typingEnds},

		"the echo of sent keys is none": {func() *life {
			l := newLife("$")
			l.Keys(l.now)
			return l.after(100*ms).shows("$ ls").after(100*ms).shows("$ ls", "files")
		}, idle},
		"so is that of keys sent in a row, looked at after the last": {func() *life {
			l := newLife("$").shows("$")
			l.Keys(l.now)
			l.after(ms).shows("$ l")
			l.Keys(l.now.Add(ms))
			return l.after(2 * ms).shows("$ ls")
		}, idle},
		"the echo of a nudge that is looked at after its Enter is none": {func() *life {
			l := newLife(">").shows(">").nudge("hello\nyou").after(ms).shows("> [pasted 2 lines]").after(5 * ms)
			return l.enter()
		}, idle},
		"what comes later is activity": {func() *life {
			l := newLife("$")
			l.Keys(l.now)
			return l.after(100*ms).shows("$ ls").after(200*ms).shows("$ ls", "files")
		}, 300 * ms},
		"a person's typing is activity": {func() *life {
			l := newLife("$").after(time.Second)
			l.Person(l.now)
			return l
		}, time.Second},

		"a repaint after a resize is none": {func() *life {
			l := newLife("a long line")
			l.Resized(l.now)
			return l.after(50*ms).shows("a long", "line").after(100*ms).shows("a lo", "ng l", "ine")
		}, idle},
		"nor is one that is seen before the last word of the resize": {func() *life {
			l := newLife("a long line").shows("a long line")
			l.Resized(l.now)
			l.after(ms).shows("a long", "line", "$")
			l.Resized(l.now.Add(ms))
			return l
		}, idle},
		"nor is a late one": {func() *life {
			l := newLife("a long line", "b")
			l.Resized(l.now)
			return l.after(time.Second).shows("").after(200*ms).shows("a long", "line", "b")
		}, idle},
		"nor one that shows more of what was before": {func() *life {
			l := newLife("c", "d")
			l.Resized(l.now)
			return l.after(time.Second).shows("a", "b", "c", "d")
		}, idle},
		"output after it is activity": {func() *life {
			l := newLife("a long line")
			l.Resized(l.now)
			return l.after(50*ms).shows("a long", "line").after(time.Second).shows("a long", "line", "more")
		}, 1050 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := c.life().after(time.Minute)
			want := l.begin.Add(c.want)
			if c.want == idle {
				want = l.begin.Add(-time.Hour)
			}
			if got := l.Last(); !got.Equal(want) {
				t.Errorf("last activity %v after the beginning, want %v", got.Sub(l.begin), want.Sub(l.begin))
			}
		})
	}
}

func TestTheScreenIsLookedAtAsSeldomAsWillDo(t *testing.T) {
	t.Parallel()
	begin := time.Unix(1_000_000, 0)
	tr := New(begin, "")
	due := func(want time.Duration) {
		t.Helper()
		at, ok := tr.Due()
		switch {
		case !ok && want >= 0:
			t.Errorf("no look is due, want one after %v", want)
		case ok && at.Sub(begin) != want:
			t.Errorf("a look is due after %v, want %v", at.Sub(begin), want)
		}
	}
	due(-1)
	tr.Output(begin.Add(time.Second))
	due(time.Second) // at once, as it was quiet before
	tr.Looked(begin.Add(time.Second+ms), "")
	due(-1)
	tr.Output(begin.Add(time.Second + 2*ms))
	tr.Output(begin.Add(time.Second + 30*ms))
	due(time.Second + ms + every)
	tr.Looked(begin.Add(time.Second+20*ms), "b")
	due(time.Second + 20*ms + every) // for the output that came meanwhile
	if tr.Looked(begin.Add(time.Second+120*ms), "b"); !tr.Last().Equal(begin.Add(time.Second + 20*ms)) {
		t.Error("a change is put down to output that came after it was seen")
	}
	due(-1)
	tr.Output(begin.Add(2 * time.Second))
	if tr.Looked(begin.Add(2*time.Second), "c") {
		t.Error("a change counts before it is known to last")
	}
	due(2*time.Second + torn) // to see whether it lasts
	if !tr.Looked(begin.Add(2*time.Second+torn), "c") || !tr.Last().Equal(begin.Add(2*time.Second)) {
		t.Error("a change that lasts does not count")
	}
	due(-1)
}
