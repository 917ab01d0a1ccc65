package server

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// fakeWatch is a watcher over a status that the test sets, whose pushes the test reads.
func fakeWatch(t *testing.T) (w *watcher, status *wire.Status, pushed *[]wire.Event) {
	t.Helper()
	status, pushed = &wire.Status{State: wire.StateRunning, Screen: 100, Activity: time.Now()}, &[]wire.Event{}
	w = &watcher{
		status: func() wire.Status { return *status },
		push:   func(v any) error { *pushed = append(*pushed, v.(wire.Event)); return nil },
		peeked: make(chan struct{}, 1),
	}
	return w, status, pushed
}

// expect updates the watcher and checks what it did.
func expect(t *testing.T, w *watcher, pushed *[]wire.Event, what string, pushes int, wait time.Duration) {
	t.Helper()
	*pushed = nil
	next, err := w.update()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if len(*pushed) != pushes || next.wait != wait {
		t.Errorf("%s: %d pushes and a wait of %v, want %d and %v", what, len(*pushed), next.wait, pushes, wait)
	}
}

func TestWatchPushesAtOnceAndThenNoNewsCostsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, pushed := fakeWatch(t)
		expect(t, w, pushed, "the first status", 1, 0)
		expect(t, w, pushed, "no news", 0, 0)
		time.Sleep(time.Hour)
		expect(t, w, pushed, "still no news", 0, 0)
	})
}

func TestWatchCoalescesScreensThatNobodyHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, status, pushed := fakeWatch(t)
		expect(t, w, pushed, "the first status", 1, 0)
		time.Sleep(newsEvery / 4)
		status.Screen++
		expect(t, w, pushed, "a change soon after a push", 0, newsEvery*3/4)
		status.Screen++
		time.Sleep(newsEvery * 3 / 4)
		expect(t, w, pushed, "when it is due", 1, 0)
		if got := w.told.Screen; got != 102 {
			t.Errorf("told of screen %d, want the newest, 102", got)
		}
		time.Sleep(time.Second)
		status.Screen++
		expect(t, w, pushed, "a change after quiet", 1, 0)
	})
}

func TestWatchTellsAtOnceOfAScreenThatLeftWhatWasPeeked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, status, pushed := fakeWatch(t)
		l := &link{}
		l.addWatcher(w)
		expect(t, w, pushed, "the first status", 1, 0)
		status.Screen++
		expect(t, w, pushed, "a change soon after a push", 0, newsEvery)
		l.peeked(status.Screen)
		expect(t, w, pushed, "the same change, peeked", 0, 0)
		status.Screen++
		expect(t, w, pushed, "a change after the peek", 1, 0)
		status.Screen++
		expect(t, w, pushed, "the change after that", 0, newsEvery)
	})
}

// A screen may change between its capture and the note of it: that change was judged as not urgent, and must be judged again.
func TestWatchIsWokenByAPeekThatIsStaleAlready(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, status, pushed := fakeWatch(t)
		l := &link{}
		l.addWatcher(w)
		expect(t, w, pushed, "the first status", 1, 0)
		status.Screen += 2
		expect(t, w, pushed, "a change soon after a push", 0, newsEvery)
		l.peeked(status.Screen - 1)
		select {
		case <-w.peeked:
		default:
			t.Fatal("the peek did not wake the watch")
		}
		expect(t, w, pushed, "the change, now that the client holds older text", 1, 0)
	})
}

func TestWatchTellsOfActivityAloneOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, status, pushed := fakeWatch(t)
		expect(t, w, pushed, "the first status", 1, 0)
		status.Activity = time.Now().Add(time.Millisecond)
		expect(t, w, pushed, "activity soon after a push", 0, newsEvery)
		time.Sleep(newsEvery)
		expect(t, w, pushed, "when it is due", 1, 0)
	})
}

func TestWatchTellsAtOnceOfEverythingElse(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*wire.Status){
		"a new size":          func(s *wire.Status) { s.Columns++ },
		"another terminal":    func(s *wire.Status) { s.Attached++ },
		"a stop":              func(s *wire.Status) { s.Stopping = true },
		"another state":       func(s *wire.Status) { s.State = wire.StateStaging },
		"the end of an agent": func(s *wire.Status) { s.Exit = &wire.Exit{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, status, pushed := fakeWatch(t)
				expect(t, w, pushed, "the first status", 1, 0)
				change(status)
				expect(t, w, pushed, name, 1, 0)
			})
		})
	}
}

func TestWatchEndsWithTheSession(t *testing.T) {
	t.Parallel()
	w, status, _ := fakeWatch(t)
	status.State, status.Exit = wire.StateExited, &wire.Exit{Status: 3}
	next, err := w.update()
	if !next.left || err != nil {
		t.Errorf("left %v, error %v; want it to leave", next.left, err)
	}
}

func TestWatchHearsOfScreensOnlyWhileNoneWaitsToBeTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, status, _ := fakeWatch(t)
		for _, step := range []struct {
			what   string
			change func()
			screen bool
		}{
			{"the first status", func() {}, false},
			{"activity waits", func() { status.Activity = status.Activity.Add(time.Millisecond) }, false},
			{"a screen waits", func() { status.Screen++ }, true},
			{"another screen waits", func() { status.Screen++ }, true},
			{"all is told", func() { time.Sleep(newsEvery) }, false},
		} {
			step.change()
			if next, err := w.update(); err != nil || next.screen != step.screen {
				t.Errorf("%s: %v, error %v; want a screen to wait: %v", step.what, next, err, step.screen)
			}
		}
	})
}

func TestTellWatchersPushesWhatWasToWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, status, pushed := fakeWatch(t)
		l := &link{}
		l.addWatcher(w)
		expect(t, w, pushed, "the first status", 1, 0)
		status.Screen++
		expect(t, w, pushed, "a change soon after a push", 0, newsEvery)
		*pushed = nil
		l.tellWatchers()
		if len(*pushed) != 1 || (*pushed)[0].Screen != status.Screen {
			t.Errorf("pushed %v, want the screen %d", *pushed, status.Screen)
		}
		l.tellWatchers()
		if len(*pushed) != 1 {
			t.Errorf("pushed again with no news")
		}
	})
}

func TestWatchReturnsAPushThatFailed(t *testing.T) {
	t.Parallel()
	w, _, _ := fakeWatch(t)
	broken := errors.New("broken")
	w.push = func(any) error { return broken }
	w.tellNow()
	if _, err := w.update(); !errors.Is(err, broken) {
		t.Errorf("error %v, want the push's", err)
	}
}

func TestWatchTellsOfTheMetadataOnceAndAfterEachChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, status, pushed := fakeWatch(t)
		meta, changes := map[string]string(nil), uint64(0)
		w.meta = func() (map[string]string, uint64) { return meta, changes }
		expect(t, w, pushed, "metadata that isn't known yet", 1, 0)
		if (*pushed)[0].Meta != nil {
			t.Errorf("pushed %v", (*pushed)[0].Meta)
		}
		for _, value := range []string{"first", "second"} {
			meta, changes = map[string]string{"KEY": value}, changes+1
			expect(t, w, pushed, "a change", 1, 0)
			if got := (*pushed)[0].Meta; got == nil || got.Meta["KEY"] != value {
				t.Errorf("pushed %v, want %q", got, value)
			}
			expect(t, w, pushed, "no news", 0, 0)
		}
		status.Stopping = true
		expect(t, w, pushed, "another change", 1, 0)
		if (*pushed)[0].Meta != nil {
			t.Errorf("pushed the metadata again")
		}
	})
}
