package wire

import "time"

// The bodies of the hub's operations on the event log.

// EventsRecord asks for an event to be stored.
type EventsRecord struct {
	// Mark tells this event from all others, so that a repeat doesn't store it twice.
	Mark string `json:"mark"`
	// Seq is the number that an earlier attempt had reserved for the event, 0 for none.
	Seq uint64 `json:"seq,omitempty"`
	// Spool: while the log can't be reached, keep the event on the hub's machine and store it later.
	Spool bool `json:"spool,omitempty"`
}

// EventsReserved is pushed before anything may be stored under that number. Whoever repeats the record gives it.
type EventsReserved struct {
	Seq uint64 `json:"seq"`
}

// EventsRecorded answers OpEventsRecord: the event is sure to be kept.
type EventsRecorded struct {
	// Seq is the event's number, 0 while it is spooled.
	Seq uint64 `json:"seq,omitempty"`
	// Spooled: it is kept on the hub's machine until the log can be reached.
	Spooled bool `json:"spooled,omitempty"`
}

// EventsList asks for the events that meet all of it.
type EventsList struct {
	// Type and Actor are matched exactly; empty means any.
	Type  string `json:"type,omitempty"`
	Actor string `json:"actor,omitempty"`
	// Since is inclusive; zero means from the first on.
	Since time.Time `json:"since,omitzero"`
	// After is exclusive.
	After uint64 `json:"after,omitempty"`
	// Limit asks for the last ones only; 0 means all.
	Limit int `json:"limit,omitempty"`
}

// EventsLatestReply answers OpEventsLatest.
type EventsLatestReply struct {
	// Seq is what a reader who wants only what comes from now on resumes after.
	Seq uint64 `json:"seq"`
}

// EventsWatch asks for the events after that number, and then for what comes.
type EventsWatch struct {
	After uint64 `json:"after,omitempty"`
}

// EventsPrune asks for old events to be deleted.
type EventsPrune struct {
	// OlderThanMS is in milliseconds.
	OlderThanMS int64 `json:"older_than_ms,omitempty"`
	// Keep is how many of the last are kept whatever their age.
	Keep int `json:"keep,omitempty"`
}

// EventsPruned tells how many events were deleted so far, and in the end.
type EventsPruned struct {
	Deleted int `json:"deleted"`
}
