package tmux

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestAFloodIsTold(t *testing.T) {
	t.Parallel()
	type piece struct {
		after time.Duration
		bytes int
	}
	for name, tt := range map[string]struct {
		pieces []piece
		floods int
	}{
		"nothing":                {nil, 0},
		"a large screen":         {[]piece{{0, floodBytes - 1}}, 0},
		"all at once":            {[]piece{{0, floodBytes}}, 1},
		"in pieces":              {[]piece{{0, floodBytes / 2}, {floodSpan, floodBytes / 2}}, 1},
		"screens with pauses":    {[]piece{{0, floodBytes - 1}, {2 * floodSpan, floodBytes - 1}, {2 * floodSpan, floodBytes - 1}}, 0},
		"each flood counts anew": {[]piece{{0, floodBytes}, {time.Millisecond, floodBytes - 1}, {time.Millisecond, 1}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f flood
			at, floods := time.Now(), 0
			for _, p := range tt.pieces {
				at = at.Add(p.after)
				if f.add(at, p.bytes) {
					floods++
				}
			}
			if floods != tt.floods {
				t.Errorf("%d floods, want %d", floods, tt.floods)
			}
		})
	}
}

func TestAFloodIsLeftOutAndWhatFollowsItIsTold(t *testing.T) {
	t.Parallel()
	const flooded = 16 << 20
	var told, pauses int
	began := time.Now()
	news := make(chan struct{}, 1)
	command := fmt.Sprintf("yes 'line after line after line' | head -c %d; echo; echo the flood is over; read go; echo late words; exec cat", flooded)
	c, _ := testServer(t, command, func(e Event) {
		switch e.Kind {
		case Output:
			told += e.Bytes
		case Paused:
			pauses++
		case Continued:
		default:
			return
		}
		select {
		case news <- struct{}{}:
		default:
		}
	})
	until := func(text string) {
		t.Helper()
		for !strings.Contains(run(t, c, "capture-pane", "-p", "-t", "%0"), text) {
			wait(t, "news of "+text, news)
		}
	}
	until("the flood is over")
	took := time.Since(began)
	run(t, c, "send-keys", "-t", "%0", "Enter")
	until("late words")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	// What was on its way when a pause was asked for comes, too.
	if most := 1<<20 + 2*floodBytes*int(took/floodSpan); told > most {
		t.Errorf("told of %d bytes of %d within %v, want %d at most; %d pauses", told, flooded, took, most, pauses)
	}
}
