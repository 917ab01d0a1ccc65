package nudge

import (
	"context"
	"time"
)

// outputAfter waits for output beyond seq. It reports false when the deadline passes without.
func (d *delivery) outputAfter(ctx context.Context, seq uint64, deadline time.Time) (bool, error) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for {
		out := d.Output()
		if out.Seq > seq {
			return true, nil
		}
		select {
		case <-out.Next:
		case <-timer.C:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// settle waits until there was no output for the time of quiet. It reports false when the deadline passes first. A program that never is
// quiet has settled, too, once enough (which may be nil) said yes that long ago.
func (d *delivery) settle(ctx context.Context, deadline time.Time, enough func(context.Context) (bool, error)) (bool, error) {
	var since time.Time // when enough first said yes
	for {
		out, now := d.Output(), time.Now()
		until := out.At.Add(quiet)
		if !now.Before(until) {
			return true, nil
		}
		if enough != nil && since.IsZero() {
			yes, err := enough(ctx)
			if err != nil {
				return false, err
			}
			if yes {
				since = now
			}
		}
		if !since.IsZero() && !now.Before(since.Add(quiet)) {
			return true, nil
		}
		if !now.Before(deadline) {
			return false, nil
		}
		if until.After(deadline) {
			until = deadline
		}
		if err := sleep(ctx, until); err != nil {
			return false, err
		}
	}
}

// sleep waits until the given time.
func sleep(ctx context.Context, until time.Time) error {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
