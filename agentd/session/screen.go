package session

import (
	"context"
	"time"

	"github.com/gascity/agentd/agentd/transcript"
)

// mirrorEvery is the least time between two looks at the metadata while output goes on: the agent may have changed it itself.
const mirrorEvery = 2 * time.Second

// followEvery is how often the metadata is looked at for those who follow it, whether or not there is output. A look costs 50 µs.
const followEvery = 5 * time.Second

// watchScreen looks at the screen after output: for the activity, the transcript and the metadata. Without output it sleeps, but for those who follow the
// metadata.
func (a *agent) watchScreen(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	var mirrorAt, mirrored time.Time
	for {
		if mirrorAt.IsZero() && a.session.followers.Load() > 0 {
			mirrorAt = mirrored.Add(followEvery)
		}
		if due, ok := earliest(mirrorAt, a.tracker.Due, a.recorder.Due); ok {
			timer.Reset(time.Until(due))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return
		case <-a.out.wake:
			if soon := later(time.Now(), mirrored.Add(mirrorEvery)); mirrorAt.IsZero() || soon.Before(mirrorAt) {
				mirrorAt = soon
			}
			continue
		case <-a.session.followed:
			continue
		case <-timer.C:
		}
		a.out.seen.Store(false) // before looking: what comes meanwhile is to be looked at again
		a.lookForActivity(ctx)
		a.record(ctx)
		if now := time.Now(); !mirrorAt.IsZero() && !now.Before(mirrorAt) {
			a.mirror(ctx)
			mirrorAt, mirrored = time.Time{}, now
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// earliest gives the first of the times that are due; false when none is.
func earliest(at time.Time, more ...func() (time.Time, bool)) (time.Time, bool) {
	for _, due := range more {
		if t, ok := due(); ok && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at, !at.IsZero()
}

func (a *agent) lookForActivity(ctx context.Context) {
	if due, ok := a.tracker.Due(); !ok || due.After(time.Now()) {
		return
	}
	at := time.Now()
	replies, err := a.ask(ctx, capture(a.paneID()))
	if err != nil {
		_ = sleep(ctx, 100*time.Millisecond) // the supervisor sees to it; this must not spin meanwhile
		return
	}
	if a.tracker.Looked(at, string(replies[0])) {
		a.session.board.notify()
	}
}

func (a *agent) record(ctx context.Context) {
	if due, ok := a.recorder.Due(); !ok || due.After(time.Now()) {
		return
	}
	if err := a.recorder.Take(ctx, a.snapshot); err != nil && ctx.Err() == nil {
		a.session.log.Warn("a snapshot for the transcript failed", "error", err)
	}
}

// snapshot is a transcript.Capture.
func (a *agent) snapshot(ctx context.Context, lines int) (transcript.Snapshot, error) {
	at := time.Now()
	replies, err := a.ask(ctx, display(a.paneID(), transcript.Format), capture(a.paneID(), "-S", historyFrom(lines)))
	if err != nil {
		return transcript.Snapshot{}, err
	}
	return transcript.ParseSnapshot(at, string(replies[0]), string(replies[1]))
}
