package transcript

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
)

// KeptBytes is how much a Log keeps in memory, in bytes of lines.
const KeptBytes = 256 << 10

// Log keeps the last lines of a transcript in memory, for those who want to read them now and follow what comes. It is a writer for a Recorder.
type Log struct {
	mu      sync.Mutex
	lines   []string      // without their newlines, oldest first
	first   uint64        // the number of lines[0]; the first line ever is 0
	size    int           // bytes of lines, newlines counted
	partial []byte        // a line whose newline has not come
	closed  bool          // no more lines come
	changed chan struct{} // closed at the next change
}

// NewLog makes an empty log.
func NewLog() *Log { return &Log{changed: make(chan struct{})} }

// Write adds lines. It never fails and never waits for a reader.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, p...)
	for {
		i := bytes.IndexByte(l.partial, '\n')
		if i < 0 {
			break
		}
		l.lines = append(l.lines, string(l.partial[:i]))
		l.size += i + 1
		l.partial = l.partial[i+1:]
	}
	if len(l.partial) == 0 {
		l.partial = nil // don't hold what was written
	}
	l.trim()
	l.wake()
	return len(p), nil
}

// trim drops the oldest lines over KeptBytes.
func (l *Log) trim() {
	drop := 0
	for l.size > KeptBytes && drop < len(l.lines)-1 {
		l.size -= len(l.lines[drop]) + 1
		drop++
	}
	if drop > 0 {
		clear(l.lines[:drop])
		l.lines = l.lines[drop:]
		l.first += uint64(drop)
	}
}

// Close says that no more lines come: those who follow get what is left, and are done.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.wake()
}

func (l *Log) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Stream writes the last tail lines to w (all that are kept, when tail is negative), then, with follow, those that come, until Close or the end of ctx, which
// is no error. A reader too slow for what comes is told in a line of how many lines it missed.
func (l *Log) Stream(ctx context.Context, w io.Writer, tail int, follow bool) error {
	next := l.start(tail)
	for {
		text, missed, after, closed, changed := l.read(next)
		if missed > 0 {
			text = append(fmt.Appendf(nil, "[agentd: %d lines were dropped here: the reader was too slow]\n", missed), text...)
		}
		if len(text) > 0 {
			if _, err := w.Write(text); err != nil {
				return fmt.Errorf("send the transcript: %w", err)
			}
		}
		if after > next {
			next = after
			continue
		}
		if closed || !follow {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// start gives the number of the line that a stream with the given tail begins with.
func (l *Log) start(tail int) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tail < 0 || tail > len(l.lines) {
		tail = len(l.lines)
	}
	return l.first + uint64(len(l.lines)-tail)
}

// atOnce bounds what read gives, in bytes but for a longer line, so that a slow reader does not hold all that is kept a second time.
const atOnce = 32 << 10

// read gives lines from number next on, how many before those are gone, and the number of the line after them.
func (l *Log) read(next uint64) (text []byte, missed, after uint64, closed bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if next < l.first {
		missed, next = l.first-next, l.first
	}
	for _, line := range l.lines[next-l.first:] {
		if len(text) > 0 && len(text)+len(line) >= atOnce {
			break
		}
		text = append(append(text, line...), '\n')
		next++
	}
	return text, missed, next, l.closed, l.changed
}

// Last gives the last n lines, oldest first, or all that are kept if those are fewer.
func (l *Log) Last(n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines[max(0, len(l.lines)-n):])
}
