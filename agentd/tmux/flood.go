package tmux

import (
	"context"
	"time"
)

// tmux sends a pane's output to each control client byte by byte, which in a flood takes it as long as drawing the screens of those who are attached: they got half of
// what they could. That there is output is all that is wanted of a flood, so tmux is told to leave it out for a moment, and then to go on.
const (
	// floodBytes in floodSpan, as tmux escapes them, are a flood: 1.6 MB/s, more than any person or agent reads.
	floodBytes = 64 << 10
	floodSpan  = 40 * time.Millisecond
	// floodPause is as late as the first output after a flood may be told of. What comes within it is told of at its end, by Continued.
	floodPause = 40 * time.Millisecond
)

// flood tells a flood of a pane's output.
type flood struct {
	began time.Time
	bytes int
}

// add counts output, and tells whether it has become a flood; then the count begins anew.
func (f *flood) add(at time.Time, bytes int) bool {
	if at.Sub(f.began) > floodSpan {
		*f = flood{began: at}
	}
	f.bytes += bytes
	if f.bytes < floodBytes {
		return false
	}
	*f = flood{began: at}
	return true
}

// flooded tells whether a pane's output has become a flood.
func (c *Control) flooded(e Event) bool {
	f := c.floods[e.Pane]
	flooded := f.add(time.Now(), e.Bytes)
	c.floods[e.Pane] = f
	return flooded
}

// pause asks tmux to leave out a pane's output.
func (c *Control) pause(p Pane) { c.wg.Go(func() { c.output(p, "pause") }) }

// resume asks for a paused pane's output to go on, after a moment.
func (c *Control) resume(p Pane) {
	c.wg.Go(func() {
		select {
		case <-time.After(floodPause):
			c.output(p, "continue")
		case <-c.broken:
		}
	})
}

// output asks tmux to pause or continue a pane's output; its %pause and %continue come within the reply. The reader must not call this: it waits for the writer, which
// may wait for the reader.
func (c *Control) output(p Pane, state string) {
	line, _ := Line("refresh-client", "-A", p.String()+":"+state)
	select {
	case c.lines <- &request{ctx: context.Background(), name: "refresh-client", line: line + "\n", want: 1, tells: true, done: make(chan struct{})}:
	case <-c.broken:
	}
}
