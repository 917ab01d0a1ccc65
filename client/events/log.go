package events

import (
	"context"
	"time"
)

// Log is an event log. Its methods may be called from several goroutines.
//
// What was recorded through a log is seen through it at once. A number that was given out and whose event hasn't appeared is waited for, so that whoever
// resumes after the last number seen loses nothing: List, Latest and Watch tell of nothing behind it until it appears or its time is over.
type Log interface {
	// Ensure makes what a log must have, if it isn't there.
	Ensure(ctx context.Context) error
	// Record stores an event and tells its number, once it is sure to be kept.
	Record(ctx context.Context, r Record) (Recorded, error)
	// List gives the events that meet the filter, by number: the last ones when limit isn't 0.
	List(ctx context.Context, f Filter, limit int) ([]Event, error)
	// Latest gives the number that a reader who wants only what comes from now on resumes after; 0 in a log that never had an event. It never goes back.
	Latest(ctx context.Context) (uint64, error)
	// Watch calls each with the events after that number, in order, and then with what comes, until ctx ends or each gives an error, which it returns.
	Watch(ctx context.Context, after uint64, each func(Event) error) error
	// Prune deletes old events, and tells how many it deleted.
	Prune(ctx context.Context, p Prune) (int, error)
}

// Record asks for an event to be stored.
type Record struct {
	// Event is the JSON, stamped.
	Event []byte
	// Mark tells this event from all others, so that a repeat doesn't store it twice.
	Mark string
	// Seq is the number that an earlier attempt had reserved for the event, 0 for none. That attempt may have stored it, or may be about to.
	Seq uint64
	// Reserved, if not nil, is called with the event's number before anything may have been stored under it. Whoever repeats the record gives that number in
	// Seq. It returning an error ends the record with nothing stored.
	Reserved func(seq uint64) error
	// Spool: if the log can't be reached, keep the event on this machine and store it later, after those that were kept before.
	Spool bool
}

// Recorded tells how an event was recorded.
type Recorded struct {
	// Seq is its number, 0 while it is spooled.
	Seq uint64
	// Spooled: it is kept on this machine, and stored when the log can be reached again.
	Spooled bool
}

// Prune says which events are old: those that are older than OlderThan, except for the last Keep.
type Prune struct {
	OlderThan time.Duration
	Keep      int
	// Deleted, if not nil, is called with the number of events deleted so far, from time to time.
	Deleted func(n int)
}
