// Package jsonl keeps an event log in one file of JSON lines, as gc's own log is: gc, jq and this package can read each other's files, and write to one
// at the same time.
//
// The file is in order: each writer locks it, takes the number after the last one, and appends one line. It is only ever added to, but for what a killed
// writer left of a line, which the next writer cuts off, and for Prune, which puts another file in its place. Readers take no lock. They see whole lines
// alone, and pass over those that are no numbered event.
package jsonl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/paths"
)

// fileVariable names the file of the log, where it isn't the usual one.
const fileVariable = "GC_EVENTS_FILE"

// Path says where the log of this machine is: what GC_EVENTS_FILE says, else events.jsonl in the state folder.
func Path(getenv func(string) string) (string, error) {
	if path := getenv(fileVariable); path != "" {
		if !filepath.IsAbs(path) { // each program would take it from where it happens to be
			return "", fmt.Errorf("%s is %q: it must be an absolute path", fileVariable, path)
		}
		return path, nil
	}
	dirs, err := paths.Open()
	if err != nil {
		return "", err
	}
	return dirs.Events(), nil
}

// Log is the event log in a file.
type Log struct{ path string }

var _ events.Log = (*Log)(nil)

// Open gives the log in the file at path. The file is made when the first event is recorded, or by Ensure; until then the log is empty.
func Open(path string) *Log { return &Log{path} }

// Ensure makes the file, and its folder.
func (l *Log) Ensure(ctx context.Context) error {
	f, err := l.lock(ctx)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = endOf(f) // says whether it can be a log
	return err
}

// List gives the events that meet the filter, by number: the last ones when limit isn't 0. The file is read from its end, so that this costs what is
// after f.AfterSeq, or what holds that many.
func (l *Log) List(_ context.Context, f events.Filter, limit int) ([]events.Event, error) {
	list := []events.Event{}
	err := l.backward(func(e events.Event) bool {
		if e.Seq <= f.AfterSeq {
			return false
		}
		if f.Match(e) {
			e.JSON = slices.Clone(e.JSON) // let go of what was read around it
			list = append(list, e)
		}
		return limit <= 0 || len(list) < limit
	})
	if err != nil {
		return nil, err
	}
	slices.Reverse(list)
	return list, nil
}

// Latest gives the number of the last event.
func (l *Log) Latest(context.Context) (seq uint64, err error) {
	err = l.backward(func(e events.Event) bool {
		seq = e.Seq
		return false
	})
	return seq, err
}

// backward calls each with the events from the last to the first, until it returns false.
func (l *Log) backward(each func(events.Event) bool) error {
	f, err := os.Open(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the event log: %w", err)
	}
	defer f.Close()
	size, err := sizeOf(f)
	if err != nil {
		return err
	}
	return backward(f, size, func(_ int64, line []byte) bool {
		e, ok := parse(line)
		return !ok || each(e)
	})
}

// parse reads a line, and tells whether it is an event of a log.
func parse(line []byte) (events.Event, bool) {
	e, err := events.Parse(line)
	return e, err == nil && e.Seq > 0
}

// sizeOf gives the size of a file that can be a log.
func sizeOf(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("read the event log: %w", err)
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("the event log %q is no regular file", f.Name())
	}
	return info.Size(), nil
}
