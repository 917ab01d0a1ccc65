package transcript

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestRecorder(t *testing.T) {
	t.Parallel()
	const tick = 250 * time.Millisecond
	for name, f := range map[string]func(*bench){
		"a line that stands still is written after a second, once": func(b *bench) {
			b.print("hello")
			b.take()
			b.says()
			b.after(999 * time.Millisecond)
			b.says()
			b.after(time.Millisecond)
			b.says("hello")
			b.after(time.Hour)
			b.finish()
			b.says()
		},
		"what scrolls off is written at once, and what stood on the screen then not again": func(b *bench) {
			b.print("a", "b", "c")
			b.take()
			b.after(time.Second)
			b.says("a", "b", "c")
			b.print(lines("n", 0, 20)...)
			b.after(tick)
			b.says(lines("n", 0, 10)...)
			b.finish()
			b.says(lines("n", 10, 20)...)
		},
		"a spinner is never written": func(b *bench) {
			b.print("work", "-")
			b.take()
			for _, c := range strings.Repeat(`\|/-`, 20) {
				b.visible[1] = string(c)
				b.after(tick)
			}
			b.says("work")
			b.visible[1] = "done"
			b.after(tick)
			b.after(time.Second)
			b.says("done")
		},
		"a line that goes on is written again as a whole": func(b *bench) {
			b.print("$")
			b.take()
			b.after(time.Second)
			b.visible[0] = "$ date"
			b.print("Mon")
			b.after(tick)
			b.after(time.Second)
			b.says("$", "$ date", "Mon")
		},
		"blank lines between lines are kept, the empty part of the screen is not": func(b *bench) {
			b.print("", "a", "", "", "b", "")
			b.take()
			b.after(time.Second)
			b.says("a", "", "", "b")
			b.print(lines("n", 0, 20)...)
			b.after(tick)
			b.says(append([]string{""}, lines("n", 0, 10)...)...)
		},
		"a program that draws its box anew below its text does not write the box again": func(b *bench) {
			b.print("┌──┐", "│> │", "└──┘", "? help")
			b.take()
			b.after(time.Second)
			b.says("┌──┐", "│> │", "└──┘", "? help")
			b.visible = []string{"answer", "┌──┐", "│> │", "└──┘", "? help"}
			b.after(tick)
			b.after(time.Second)
			b.says("answer")
		},
		"a box that moves while text scrolls off is not written again": func(b *bench) {
			b.print("one", "two", "┌──┐", "? help")
			b.take()
			b.after(time.Second)
			b.says("one", "two", "┌──┐", "? help")
			b.visible = b.visible[:2]
			b.print(lines("n", 0, 12)...)
			b.print("┌──┐", "? help")
			b.after(tick)
			b.after(time.Second)
			b.says(lines("n", 0, 12)...)
		},
		"the alternate screen is written as it settles, and the main screen not again after it": func(b *bench) {
			b.print("$ vim", "x")
			b.take()
			b.after(time.Second)
			b.says("$ vim", "x")
			b.alt = []string{"text", "~", "~"}
			b.after(tick)
			b.after(time.Second)
			b.says("text", "~", "~")
			b.alt = []string{"more", "text", "~", "~"} // scrolled by the program
			b.after(tick)
			b.after(time.Second)
			b.says("more")
			b.alt = nil
			b.print("back")
			b.after(tick)
			b.after(time.Second)
			b.says("back")
		},
		"what stood on the main screen is written when the alternate one hides it": func(b *bench) {
			b.print("$ less")
			b.take()
			b.alt = []string{"page"}
			b.after(tick)
			b.says("$ less")
			b.finish()
			b.says("page")
		},
		"more lines than a first capture holds are all written": func(b *bench) {
			b.limit = 10000
			b.take()
			b.print(lines("n", 0, 5000)...)
			b.after(tick)
			b.says(lines("n", 0, 4990)...)
		},
		"a history that is full goes on without a gap": func(b *bench) {
			b.limit = 100
			b.take()
			for i := range 60 {
				b.print(lines("n", 37*i, 37*(i+1))...)
				b.after(tick)
			}
			b.says(lines("n", 0, 37*60-10)...)
		},
		"a gap is said in one line": func(b *bench) {
			b.limit = 100
			b.print(lines("n", 0, 50)...)
			b.take()
			b.says(lines("n", 0, 40)...)
			b.print(lines("n", 50, 1000)...)
			b.after(tick)
			kept := len(b.history)
			b.says(append([]string{Lost}, lines("n", 990-kept, 990)...)...)
		},
		"a cleared history brings nothing back": func(b *bench) {
			b.print(lines("n", 0, 30)...)
			b.take()
			b.after(time.Second)
			b.says(lines("n", 0, 30)...)
			b.history = nil
			b.after(tick)
			b.after(time.Second)
			b.says()
			b.print(lines("m", 0, 5)...)
			b.after(tick)
			b.finish()
			b.says(lines("m", 0, 5)...)
		},
		"a history that was cleared and grew past where it was is written": func(b *bench) {
			b.print(lines("n", 0, 20)...)
			b.take()
			b.after(time.Second)
			b.says(lines("n", 0, 20)...)
			b.history, b.visible = nil, nil
			b.print(lines("m", 0, 40)...)
			b.after(tick)
			b.finish()
			b.says(lines("m", 0, 40)...)
		},
		"a smaller window writes nothing twice, nor does a larger one": func(b *bench) {
			b.print(lines("n", 0, 30)...)
			b.take()
			b.after(time.Second)
			b.says(lines("n", 0, 30)...)
			b.resize(4)
			b.after(tick)
			b.resize(24)
			b.after(tick)
			b.after(time.Second)
			b.says()
			b.print(lines("m", 0, 30)...)
			b.after(tick)
			b.finish()
			b.says(lines("m", 0, 30)...)
		},
		"another width writes nothing twice and loses nothing": func(b *bench) {
			long := strings.Repeat("abcdefgh ", 12) // 108 characters: two rows of 80, one of 200
			b.print(lines("n", 0, 30)...)
			b.print(long[:80], long[80:])
			b.take()
			b.after(time.Second)
			b.says(append(lines("n", 0, 30), long[:80], strings.TrimRight(long[80:], " "))...)
			b.columns = 200
			b.history = b.history[:len(b.history)-1]
			b.visible = append(append([]string{"n21"}, lines("n", 22, 30)...), long)
			b.after(tick)
			b.after(time.Second)
			b.says()
			b.print(lines("m", 0, 30)...)
			b.after(tick)
			b.finish()
			b.says(lines("m", 0, 30)...)
		},
		"a program that clears everything and paints the same again writes nothing": func(b *bench) {
			b.print(lines("n", 0, 30)...)
			b.take()
			b.after(time.Second)
			b.says(lines("n", 0, 30)...)
			b.history, b.visible = nil, nil
			b.print(lines("n", 0, 31)...)
			b.after(tick)
			b.after(time.Second)
			b.says("n30")
		},
		"no control character is written": func(b *bench) {
			b.print("a\x1b[31mb\x07\u009b c\xff")
			b.take()
			b.finish()
			b.says("a[31mb c\ufffd")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(newBench(t, 10, 1000))
		})
	}
}

func TestRecorderIsDue(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, 100)
	due := func(want time.Duration) {
		t.Helper()
		at, ok := b.r.Due()
		if !ok && want >= 0 {
			t.Errorf("never due, want after %v", want)
		} else if got := at.Sub(b.now); ok && got != want {
			t.Errorf("due after %v, want %v", got, want)
		}
	}
	due(-1)
	b.r.Output(b.now)
	due(0) // at once, when it was quiet before
	b.print("x")
	b.take()
	due(Settle)
	b.now = b.now.Add(100 * time.Millisecond)
	b.r.Output(b.now)
	due(Every - 100*time.Millisecond)
	b.after(Every - 100*time.Millisecond)
	due(Settle - Every)
	b.after(Settle - Every)
	b.says("x")
	due(-1)
	b.r.Output(b.now.Add(time.Millisecond)) // after the capture was sent
	due(Every)
	b.print(lines("n", 0, 20)...)
	b.after(Every)
	b.r.Output(b.now)
	due(Every)
	b.print(lines("n", 20, 300)...) // more than the history holds
	b.after(Every)
	b.r.Output(b.now)
	due(Every)
	b.r.Output(b.now.Add(time.Second))
	due(time.Second + Every) // once it is quiet
	b.r.Output(b.now.Add(FloodEvery - time.Millisecond))
	due(FloodEvery)
	b.print(lines("n", 300, 600)...)
	b.after(FloodEvery)
	b.r.Output(b.now)
	due(Every) // does it still come too fast?
	b.print(lines("n", 600, 900)...)
	b.after(Every)
	b.r.Output(b.now.Add(FloodEvery))
	due(FloodEvery)
	b.print("y")
	b.after(FloodEvery)
	b.r.Output(b.now)
	due(Every)
	if text := b.out.String(); strings.Count(text, Lost+"\n") != 3 {
		t.Errorf("wrote %q", text)
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		logged, want []string
	}{
		"what was logged is not written again":        {lines("n", 0, 25), append(lines("n", 25, 30), "m")},
		"all is known when the log is not":            {nil, []string{"m"}},
		"an unrelated log makes all of it new":        {[]string{"x"}, append(lines("n", 0, 30), "m")},
		"a line of the log that is not on the screen": {append(lines("n", 0, 12), "spin"), append(lines("n", 12, 30), "m")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 10, 100)
			b.print(lines("n", 0, 30)...)
			b.r.Resume(c.logged)
			b.take()
			b.print("m")
			b.after(time.Second)
			b.finish()
			b.says(c.want...)
		})
	}
}

func TestTakeSurvivesErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, 100)
	b.print("x")
	b.r.Output(b.now)
	broken := fmt.Errorf("broken")
	if err := b.r.Take(t.Context(), func(context.Context, int) (Snapshot, error) { return Snapshot{}, broken }); err == nil {
		t.Error("no error")
	}
	if at, ok := b.r.Due(); !ok || time.Until(at) <= 0 {
		t.Errorf("due %v %v, want some time later", at, ok)
	}
	err := b.r.Take(t.Context(), func(context.Context, int) (Snapshot, error) {
		return Snapshot{HistorySize: 5, HistoryLimit: 5, Columns: 80, Visible: []string{""}}, nil
	})
	if err == nil {
		t.Error("a capture without the history it claims to have was taken")
	}
	b.take()
	b.finish()
	b.says("x")
}
