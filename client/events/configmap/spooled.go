package configmap

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/events/spool"
)

// spoolAgain is how long it takes at most until the spool is looked at again: other processes append to it, too.
const spoolAgain = 2 * time.Second

// recordOrSpool stores an event, or keeps it on this machine: when the API server can't be reached, and behind those that are kept already.
func (l *Log) recordOrSpool(ctx context.Context, r events.Record) (events.Recorded, error) {
	empty, err := l.spool.Empty()
	if err != nil {
		return events.Recorded{}, err
	}
	a := l.attempt(r)
	if empty {
		err := a.record(ctx, spoolPatience, true)
		if err == nil {
			return events.Recorded{Seq: a.seq}, nil
		}
		if !outage(err) || errors.Is(ctx.Err(), context.Canceled) {
			return events.Recorded{}, l.explain("record the event", err)
		}
	}
	kept := spool.Entry{Mark: r.Mark, Event: r.Event}
	if a.sent {
		kept.Seq = a.seq
	}
	if err := l.spool.Append(ctx, kept); err != nil {
		return events.Recorded{}, err
	}
	select {
	case l.deliver <- struct{}{}:
	default: // it is told already
	}
	return events.Recorded{Spooled: true}, nil
}

// deliverSpooled stores what is in the spool, in order, until the log is closed.
func (l *Log) deliverSpooled() {
	said := ""
	for tries := 0; ; tries++ {
		wait := spoolAgain
		empty, err := l.spool.Empty()
		if err == nil && !empty {
			err = l.deliverAll()
		}
		switch {
		case err == nil || errors.Is(err, spool.ErrHeld):
			tries, said = 0, ""
		case l.ctx.Err() == nil:
			if err.Error() != said {
				said = err.Error()
				l.log.Warn("spooled events can't be stored yet", "error", err)
			}
			wait = backoff(tries)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-l.deliver:
		case <-l.ctx.Done():
		}
		timer.Stop()
		if l.ctx.Err() != nil {
			return
		}
	}
}

// deliverAll stores entries until there are none, unless another process does.
func (l *Log) deliverAll() error {
	d, err := l.spool.Claim()
	if err != nil {
		return err
	}
	defer d.Release()
	for {
		e, err := d.First()
		if err != nil {
			return err
		}
		if e == nil {
			return nil
		}
		if err := l.deliverOne(d, e); err != nil {
			return err
		}
	}
}

// deliverOne stores an entry and takes it out.
func (l *Log) deliverOne(d *spool.Delivery, e *spool.Entry) error {
	a := l.attempt(events.Record{Event: e.Event, Mark: e.Mark, Seq: e.Seq, Reserved: func(seq uint64) error { return d.Reserve(e, seq) }})
	err := a.record(l.ctx, patience, false)
	switch {
	case err == nil:
		return d.Done(e)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		l.log.Error("a spooled event was refused and is put aside", "error", err)
		return d.Reject(e)
	}
	return err
}
