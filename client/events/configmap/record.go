package configmap

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/client/events"
)

const (
	// patience is how long an API server that can't be reached is tried again: its restart takes about that.
	patience = 10 * time.Second
	// spoolPatience is patience where the event can be kept on this machine instead.
	spoolPatience = 2 * time.Second
	// refusalPatience is how long an API server that answers, but refuses, is tried again: one that has just started may not know the roles yet.
	refusalPatience = 2 * time.Second
	// reservationTime is how old a number may be when storing an event under it begins: readers wait for gapTime.
	reservationTime = 3 * time.Second
)

// Record stores an event.
func (l *Log) Record(ctx context.Context, r events.Record) (events.Recorded, error) {
	if r.Mark == "" {
		r.Mark = rand.Text()
	}
	if !r.Spool || l.spool == nil {
		a := l.attempt(r)
		if err := a.record(ctx, patience, false); err != nil {
			return events.Recorded{}, l.explain("record the event", err)
		}
		return events.Recorded{Seq: a.seq}, nil
	}
	return l.recordOrSpool(ctx, r)
}

// attempt is one event on its way to being stored.
type attempt struct {
	log  *Log
	r    events.Record
	seq  uint64    // its number, 0 while it has none
	at   time.Time // since when it may have been given out
	sent bool      // it may be stored under the number, or be about to
	own  bool      // the number is from the counter, as it is now
}

func (l *Log) attempt(r events.Record) *attempt {
	return &attempt{log: l, r: r, seq: r.Seq, sent: r.Seq != 0}
}

// taken is the error for a number that another event is stored under.
var errTaken = errors.New("the number is taken")

// record stores the event: under the number that it has, or else under a new one. An API server that can't be reached is tried again for a while; where
// hasty, not if it refuses connections. One that refuses what is asked is given less.
func (a *attempt) record(ctx context.Context, patience time.Duration, hasty bool) error {
	var since time.Time // when it began to fail
	refused := refusalPatience
	for tries := 0; ; tries++ {
		began, left := time.Now(), patience
		if !since.IsZero() {
			left -= time.Since(since)
		}
		err := a.try(ctx, left, hasty)
		if errors.Is(err, errTaken) {
			if err = a.renumber(ctx); err == nil {
				continue
			}
		}
		var own *ownError
		switch {
		case err == nil:
			a.log.view.acknowledge(a.seq)
			return nil
		case errors.As(err, &own):
			return own.error
		case ctx.Err() != nil, hasty && refusedConnection(err), !outage(err) && !unsettled(err):
			return err
		case since.IsZero():
			since, tries = began, 0
		}
		if outage(err) {
			refused = patience // what it answers after an outage may be of its start
		}
		if time.Since(since) >= min(patience, refused) || !pause(ctx, backoff(tries)) {
			return err
		}
	}
}

// ownError is an error of the caller's, not of the log's.
type ownError struct{ error }

// try does it once. For a number it waits as long as the caller does, unless hasty: other writers may be faster over and over.
func (a *attempt) try(ctx context.Context, left time.Duration, hasty bool) error {
	if hasty {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	for {
		if a.seq == 0 || a.old() {
			if err := a.reserve(ctx); err != nil {
				return err
			}
		}
		if done, err := a.createInTurn(ctx, min(left, requestTime)); done {
			return err
		}
	}
}

// createInTurn creates when there is room for it; not, if the number has become old meanwhile.
func (a *attempt) createInTurn(ctx context.Context, left time.Duration) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	select {
	case a.log.creates <- struct{}{}:
		defer func() { <-a.log.creates }()
	case <-ctx.Done():
		return true, context.Cause(ctx)
	}
	if a.old() {
		return false, nil
	}
	return true, a.create(ctx)
}

// old tells that readers may wait for the number no more, before an event can be stored under it.
func (a *attempt) old() bool { return !a.sent && time.Since(a.at) > reservationTime }

// reserve gets a number and tells the caller.
func (a *attempt) reserve(ctx context.Context) error {
	r := a.log.batch.reserve(ctx, a.r.Mark)
	if r.err != nil {
		return r.err
	}
	a.seq, a.at, a.sent, a.own = r.seq, r.at, false, true
	if a.r.Reserved != nil {
		if err := a.r.Reserved(r.seq); err != nil {
			return &ownError{fmt.Errorf("tell of the number %d: %w", r.seq, err)}
		}
	}
	return nil
}

// create stores the event under its number. It may have done so before.
func (a *attempt) create(ctx context.Context) error {
	cm, err := newEvent(a.seq, a.r.Event, a.r.Mark)
	if err != nil {
		return &ownError{err}
	}
	made, err := a.log.maps.Create(ctx, cm, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		if made, err = a.log.maps.Get(ctx, cm.Name, metav1.GetOptions{}); err != nil {
			return err
		}
		if made.Annotations[annotationMark] != a.r.Mark {
			return errTaken
		}
	}
	if err != nil {
		a.sent = a.sent || maybeDone(err)
		return err
	}
	a.log.stored(made)
	return nil
}

// renumber gives up a number that another event has. When it came from the counter, that must have gone back: it is not to be believed.
func (a *attempt) renumber(ctx context.Context) error {
	own := a.own
	a.seq, a.sent, a.own = 0, false, false
	if !own {
		return nil
	}
	highest, err := a.log.highest(ctx)
	if err != nil {
		return err
	}
	a.log.counter.raise(highest)
	return nil
}
