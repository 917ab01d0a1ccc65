package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// timeFormat is RFC 3339 with nanoseconds, of one width so that times sort as text.
const timeFormat = "2006-01-02T15:04:05.000000000Z07:00"

// Stamp checks an event as its recorder gave it and gives it its time where it has none: now. All else stays byte for byte. It is done once, when the
// event is taken, however long storing it takes.
func Stamp(given []byte, now time.Time) ([]byte, error) {
	h, err := parseHeader(given)
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name string
		odd  bool
	}{{"type", h.Type.Odd}, {"actor", h.Actor.Odd}, {"subject", h.Subject.Odd}, {"message", h.Message.Odd}} {
		if f.odd {
			return nil, fmt.Errorf("the event's %q is no string", f.name)
		}
	}
	if h.Time.Odd && !emptyTime(given) {
		return nil, fmt.Errorf(`the event's "ts" is no RFC 3339 time, such as %q`, now.UTC().Format(time.RFC3339))
	}
	if len(given) > MaxEvent {
		return nil, fmt.Errorf("the event has %d bytes, and a log takes %d at most: keep what is large elsewhere and name it in the payload", len(given), MaxEvent)
	}
	if h.Time.Value.IsZero() {
		return set(trim(given), "ts", strconv.Quote(now.UTC().Format(timeFormat))), nil
	}
	return trim(given), nil
}

// emptyTime tells that the event's ts is "".
func emptyTime(given []byte) bool {
	var e struct {
		Time json.RawMessage `json:"ts"`
	}
	return json.Unmarshal(given, &e) == nil && string(e.Time) == `""`
}

// Number gives a stamped event its number in the log. All else stays byte for byte.
func Number(stamped []byte, seq uint64) []byte {
	return set(stamped, "seq", strconv.FormatUint(seq, 10))
}

// set replaces a member's value in a JSON object, or puts the member first. Where the object has the member more than once, all are replaced: readers
// differ in which of them they take.
func set(object []byte, name, value string) []byte {
	out := make([]byte, 0, len(object)+len(name)+len(value)+4)
	found, rest := false, object
	for _, m := range members(object) {
		if !bytes.EqualFold(m.name, []byte(name)) { // Go's readers take a name in any case
			continue
		}
		found = true
		out = append(out, rest[:m.start-(len(object)-len(rest))]...)
		out = append(out, value...)
		rest = object[m.end:]
	}
	if found {
		return append(out, rest...)
	}
	out = append(append(append(out, `{"`...), name...), `":`...)
	out = append(out, value...)
	if inside := bytes.TrimLeft(object[1:], " \t\r\n"); inside[0] != '}' {
		out = append(out, ',')
	}
	return append(out, object[1:]...)
}

// member is where one member's value is in an object's text.
type member struct {
	name       []byte
	start, end int
}

// members finds the members of a valid JSON object.
func members(object []byte) []member {
	d := json.NewDecoder(bytes.NewReader(object))
	var list []member
	if _, err := d.Token(); err != nil {
		return nil
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil
		}
		end := int(d.InputOffset())
		list = append(list, member{name: []byte(name.(string)), start: end - len(value), end: end})
	}
	return list
}

// trim takes the white space off an event's borders.
func trim(text []byte) []byte { return bytes.TrimSpace(text) }
