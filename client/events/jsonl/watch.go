package jsonl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/lockfile"
)

// look is how often a watch looks at the file. That is three system calls, under 1 % of a processor, and sees what any writer did on any file system.
const look = 20 * time.Millisecond

// Watch calls each with the events after that number, and then with what comes, until ctx ends or each gives an error. The file may be missing at first,
// and pruned or replaced meanwhile. If the numbers of what is there then end before the last one seen, it is another log, which is watched from its start.
func (l *Log) Watch(ctx context.Context, after uint64, each func(events.Event) error) error {
	f := &follower{path: l.path, last: after}
	defer f.close()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if err := f.follow(ctx, each); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// follower reads a file that grows.
type follower struct {
	path   string
	last   uint64 // the number of the last event handed over
	file   *os.File
	offset int64 // where the line begins that is read next
	again  bool  // whether a file was read before this one
}

// follow hands over what is new.
func (f *follower) follow(ctx context.Context, each func(events.Event) error) error {
	for {
		if there, err := f.open(); !there {
			return err
		}
		// What was written before the file was replaced is in it now: look at its name first, and then read it to its end.
		replaced := !lockfile.Current(f.file, f.path)
		if err := f.read(ctx, each); err != nil {
			return err
		}
		if !replaced {
			return nil
		}
		f.close()
	}
}

// open opens the file where it isn't open, and tells whether there is one.
func (f *follower) open() (bool, error) {
	if f.file != nil {
		return true, nil
	}
	file, err := os.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("watch the event log: %w", err)
	}
	f.file = file
	return true, f.find()
}

// find finds the place behind the last event that was handed over.
func (f *follower) find() error {
	size, err := sizeOf(f.file)
	if err != nil {
		return err
	}
	var highest uint64
	f.offset = 0
	err = backward(f.file, size, func(start int64, line []byte) bool {
		e, ok := parse(line)
		highest = max(highest, e.Seq)
		if ok && e.Seq <= f.last {
			f.offset = start + int64(len(line)) + 1
			return false
		}
		return true
	})
	if f.again && highest < f.last {
		f.offset, f.last = 0, 0
	}
	f.again = true
	return err
}

// read hands over the whole lines behind the offset.
func (f *follower) read(ctx context.Context, each func(events.Event) error) error {
	size, err := sizeOf(f.file)
	if err != nil {
		return err
	}
	if size < f.offset {
		if err := f.find(); err != nil {
			return err
		}
	}
	for f.offset < size {
		reached, err := forward(f.file, f.offset, size, func(start, end int64, line []byte) error {
			e, ok := parse(line)
			if !ok && f.changed(start, line) {
				return errChanged
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if ok && e.Seq > f.last {
				e.JSON = bytes.Clone(e.JSON)
				if err := each(e); err != nil {
					return err
				}
				f.last = e.Seq
			}
			return nil
		})
		f.offset = reached
		if !errors.Is(err, errChanged) {
			return err
		}
	}
	return nil
}

// errChanged: a line was read in parts, and between them a writer had cut off what another had left of it.
var errChanged = errors.New("the line has changed")

// changed tells whether a line is another one by now.
func (f *follower) changed(start int64, line []byte) bool {
	now := make([]byte, len(line))
	return readFull(f.file, now, start) == nil && !bytes.Equal(now, line)
}

func (f *follower) close() {
	if f.file != nil {
		f.file.Close()
		f.file = nil
	}
}
