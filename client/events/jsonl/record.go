package jsonl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/lockfile"
)

// retry is how often a held lock is tried again. A writer holds it for some 50 µs, and gc's writers give up after 250 ms.
const retry = time.Millisecond

// Record stores an event. It is on the disk when this returns. Marks and reserved numbers mean nothing here: nobody stands between the caller and the file.
func (l *Log) Record(ctx context.Context, r events.Record) (events.Recorded, error) {
	f, err := l.lock(ctx)
	if err != nil {
		return events.Recorded{}, err
	}
	defer f.Close()
	end, err := endOf(f)
	if err != nil {
		return events.Recorded{}, err
	}
	if end.last == math.MaxUint64 {
		return events.Recorded{}, fmt.Errorf("the event log %q has used up its numbers", l.path)
	}
	seq := end.last + 1
	if r.Reserved != nil {
		if err := r.Reserved(seq); err != nil {
			return events.Recorded{}, err
		}
	}
	if err := end.append(f, events.OneLine(events.Number(r.Event, seq))); err != nil {
		return events.Recorded{}, fmt.Errorf("record in the event log: %w", err)
	}
	// Others may go on while the disk is waited for, and their waits then are one.
	if err := unix.Flock(int(f.Fd()), unix.LOCK_UN); err != nil {
		return events.Recorded{}, fmt.Errorf("unlock the event log: %w", err)
	}
	if err := f.Sync(); err != nil {
		return events.Recorded{}, fmt.Errorf("record in the event log: %w", err)
	}
	if end.size == 0 { // perhaps its name is new, too
		if err := syncFolder(l.path); err != nil {
			return events.Recorded{}, err
		}
	}
	return events.Recorded{Seq: seq}, nil
}

// lock opens the file for writing, and makes it where it is missing. It is this process's alone until it is closed.
func (l *Log) lock(ctx context.Context) (*os.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for {
		f, err := l.openOrMake()
		if err != nil {
			return nil, fmt.Errorf("open the event log: %w", err)
		}
		if err := wait(ctx, f); err != nil {
			f.Close()
			return nil, fmt.Errorf("lock the event log %q: %w", l.path, err)
		}
		if lockfile.Current(f, l.path) {
			return f, nil
		}
		f.Close() // pruned between our open and our lock
	}
}

func (l *Log) openOrMake() (*os.File, error) {
	const flags = os.O_CREATE | os.O_RDWR | os.O_APPEND
	f, err := os.OpenFile(l.path, flags, 0o600)
	if !errors.Is(err, os.ErrNotExist) {
		return f, err
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(l.path, flags, 0o600)
}

// wait takes the lock, waiting for it until ctx ends. The kernel can wait for a lock, but not until a context ends.
func wait(ctx context.Context, f *os.File) error {
	tick := time.NewTicker(retry)
	defer tick.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("another process holds it: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// end is what the end of a locked file is like.
type end struct {
	size int64
	// lines is where the whole lines end; what is behind is what a killed writer left.
	lines int64
	// unended tells that what is behind them is an event that lacks its line's end alone.
	unended bool
	// last is the number of the last event.
	last uint64
}

func endOf(f *os.File) (end, error) {
	size, err := sizeOf(f)
	if err != nil {
		return end{}, err
	}
	e := end{size: size}
	if e.lines, err = wholeLines(f, size); err != nil {
		return end{}, err
	}
	if torn := size - e.lines; torn > 0 && torn <= maxLine {
		left := make([]byte, torn)
		if err := readFull(f, left, e.lines); err != nil {
			return end{}, err
		}
		whole, ok := parse(left)
		if e.unended = ok; ok {
			e.last = whole.Seq
			return e, nil
		}
		if e.lines == 0 && left[0] == '{' { // the first event of all was torn
			return e, nil
		}
	}
	err = backward(f, e.lines, func(_ int64, line []byte) bool {
		last, ok := parse(line)
		e.last = last.Seq
		return !ok
	})
	if err == nil && e.last == 0 && size > 0 {
		err = fmt.Errorf("%q is no event log: none of its lines is an event", f.Name())
	}
	return e, err
}

// append adds a line, in one write and whole or not at all.
func (e end) append(f *os.File, line []byte) error {
	line = append(bytes.Clone(line), '\n')
	from := e.lines
	switch {
	case e.unended:
		line, from = append([]byte{'\n'}, line...), e.size
	case e.size > e.lines:
		if err := f.Truncate(e.lines); err != nil {
			return err
		}
	}
	if _, err := f.Write(line); err != nil {
		if left := f.Truncate(from); left != nil { // a full disk may have taken a part
			return fmt.Errorf("%w (and what was written of it stays: %w)", err, left)
		}
		return err
	}
	return nil
}

// syncFolder makes sure that the name of the file at path is kept.
func syncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("keep the event log's name: %w", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("keep the event log's name: %w", err)
	}
	return nil
}
