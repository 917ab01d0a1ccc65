package events

import (
	"encoding/json"
	"fmt"
	"time"
)

// Filter says which events are meant: those that meet all of it. What is zero is not asked for.
type Filter struct {
	// Type and Actor are matched exactly.
	Type  string
	Actor string
	// Since is inclusive.
	Since time.Time
	// AfterSeq is exclusive.
	AfterSeq uint64
}

// ParseFilter reads a filter as gc gives it. Nothing at all means all events.
func ParseFilter(given []byte) (Filter, error) {
	var f Filter
	if len(trim(given)) == 0 {
		return f, nil
	}
	if err := json.Unmarshal(given, &f); err != nil {
		return Filter{}, fmt.Errorf(`the filter is no JSON object such as {"Type":"","Actor":"","Since":"0001-01-01T00:00:00Z","AfterSeq":0}: %w`, err)
	}
	return f, nil
}

// Match tells whether an event meets the filter.
func (f Filter) Match(e Event) bool {
	return e.Seq > f.AfterSeq &&
		(f.Type == "" || f.Type == e.Type) &&
		(f.Actor == "" || f.Actor == e.Actor) &&
		(f.Since.IsZero() || !e.Time.Before(f.Since))
}
