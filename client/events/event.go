package events

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// MaxEvent is the longest event that a log takes, in bytes of JSON: a ConfigMap holds 1 MiB in all, and what is left is for its keys.
const MaxEvent = 1<<20 - 4<<10

// Event is one event of a log.
type Event struct {
	// Seq is its number in the log, from 1.
	Seq uint64
	// Time is when it happened; zero when the event's "ts" is none that can be read.
	Time    time.Time
	Type    string
	Actor   string
	Subject string
	Message string
	// JSON is the event as it is stored, without line ends at its borders.
	JSON json.RawMessage
}

// header is what is read of an event's JSON. Values of another kind than they should be are taken as missing, so that one odd event can't hide the others.
type header struct {
	Seq     loose[uint64]    `json:"seq"`
	Time    loose[time.Time] `json:"ts"`
	Type    loose[string]    `json:"type"`
	Actor   loose[string]    `json:"actor"`
	Subject loose[string]    `json:"subject"`
	Message loose[string]    `json:"message"`
}

// loose is a value, or its zero where the JSON holds something else. Found tells whether there was anything, and Odd that it was of another kind.
type loose[T any] struct {
	Value      T
	Found, Odd bool
}

// UnmarshalJSON takes what it is given.
func (l *loose[T]) UnmarshalJSON(data []byte) error {
	*l = loose[T]{Found: string(data) != "null"}
	if err := json.Unmarshal(data, &l.Value); err != nil {
		*l = loose[T]{Found: true, Odd: true}
	}
	return nil
}

// Parse reads an event as a log holds it. It takes any JSON object: what a foreign writer stored oddly has zero values.
func Parse(stored []byte) (Event, error) {
	h, err := parseHeader(stored)
	if err != nil {
		return Event{}, err
	}
	return Event{
		Seq: h.Seq.Value, Time: h.Time.Value, Type: h.Type.Value, Actor: h.Actor.Value, Subject: h.Subject.Value, Message: h.Message.Value,
		JSON: trim(stored),
	}, nil
}

func parseHeader(text []byte) (header, error) {
	var h header
	if len(trim(text)) == 0 {
		return h, fmt.Errorf("no event given: one JSON object is wanted")
	}
	if !utf8.Valid(text) {
		return h, fmt.Errorf("the event is not valid UTF-8")
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, fmt.Errorf("the event is no JSON object: %w", err)
	}
	if trim(text)[0] != '{' { // null is no error to Unmarshal
		return h, fmt.Errorf("the event is no JSON object")
	}
	return h, nil
}
