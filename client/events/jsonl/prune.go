package jsonl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/lockfile"
)

// reportEvery is the number of events after which a prune tells how far it is.
const reportEvery = 1000

// Prune deletes old events. The last event stays whatever its age, since the next number is the one after it. Lines that are no events go with the others.
//
// What stays is written to a file beside the log, which then takes its place. Writers wait only while what came meanwhile is added; readers that have the
// old file open read it to its end. A gc that runs keeps its file open and would go on writing to the old one: gc prunes its own log itself.
func (l *Log) Prune(ctx context.Context, p events.Prune) (int, error) {
	for {
		n, err := l.prune(ctx, p)
		if !errors.Is(err, errReplaced) {
			return n, err
		}
	}
}

// errReplaced: the log was replaced while it was pruned.
var errReplaced = errors.New("the event log was replaced meanwhile")

func (l *Log) prune(ctx context.Context, p events.Prune) (int, error) {
	path, err := filepath.EvalSymlinks(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("prune the event log: %w", err)
	}
	old, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("prune the event log: %w", err)
	}
	defer old.Close()
	plan, err := planOf(ctx, old, p)
	if err != nil || plan.deleted == 0 {
		return 0, err
	}
	// One prune at a time. The lock's file becomes the log; a killed prune leaves it, and the next one takes it.
	beside, err := lockfile.Wait(ctx, path+".pruned")
	if err != nil {
		return 0, fmt.Errorf("prune the event log: %w", err)
	}
	if err := l.replace(ctx, path, old, plan); err != nil {
		beside.Discard()
		return 0, err
	}
	beside.Release()
	return plan.deleted, nil
}

// plan says what stays of a file.
type plan struct {
	cutoff time.Time
	// keepFrom is the index of the first event that stays whatever its age.
	keepFrom int
	// end is where the file ended.
	end     int64
	deleted int
	report  func(n int)
}

// planOf counts what there is.
func planOf(ctx context.Context, f *os.File, p events.Prune) (plan, error) {
	size, err := sizeOf(f)
	if err != nil {
		return plan{}, err
	}
	made := plan{cutoff: time.Now().Add(-p.OlderThan), report: p.Deleted}
	var old []int // the indices of those that are old enough
	n := 0
	made.end, err = forward(f, 0, size, func(_, _ int64, line []byte) error {
		if e, ok := parse(line); ok {
			if e.Time.Before(made.cutoff) {
				old = append(old, n)
			}
			n++
		}
		return ctx.Err()
	})
	made.keepFrom = n - max(p.Keep, 1)
	for _, i := range old {
		if i < made.keepFrom {
			made.deleted++
		}
	}
	return made, err
}

// replace puts a file with what stays in the place of the log.
func (l *Log) replace(ctx context.Context, path string, old *os.File, p plan) error {
	info, err := old.Stat()
	if err != nil {
		return fmt.Errorf("prune the event log: %w", err)
	}
	out, err := os.OpenFile(path+".pruned", os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return fmt.Errorf("prune the event log: %w", err)
	}
	defer out.Close()
	if err := errors.Join(out.Chmod(info.Mode().Perm()), p.copy(ctx, old, out)); err != nil {
		return fmt.Errorf("prune the event log: %w", err)
	}
	log, err := l.lock(ctx)
	if err != nil {
		return err
	}
	defer log.Close()
	if !lockfile.Current(old, path) {
		return errReplaced
	}
	end, err := sizeOf(log)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, io.NewSectionReader(log, p.end, end-p.end)); err != nil {
		return fmt.Errorf("prune the event log: %w", err)
	}
	if err := out.Sync(); err != nil {
		return fmt.Errorf("prune the event log: %w", err)
	}
	if err := os.Rename(path+".pruned", path); err != nil {
		return fmt.Errorf("prune the event log: %w", err)
	}
	return syncFolder(path)
}

// copy writes what stays of the part that was planned.
func (p plan) copy(ctx context.Context, old io.ReaderAt, to io.Writer) error {
	out := bufio.NewWriterSize(to, chunk)
	n, deleted := 0, 0
	_, err := forward(old, 0, p.end, func(_, _ int64, line []byte) error {
		e, ok := parse(line)
		if !ok {
			return nil
		}
		n++
		if n-1 < p.keepFrom && e.Time.Before(p.cutoff) {
			if deleted++; p.report != nil && deleted%reportEvery == 0 {
				p.report(deleted)
			}
			return ctx.Err()
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
		return out.WriteByte('\n')
	})
	if err != nil {
		return err
	}
	return out.Flush()
}
