package events

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// MaxLine is how long a line of a watch may be, with its end: gc's reader gives up at 64 KiB.
const MaxLine = 64<<10 - 1

// maxText is what is left of a long text in a shortened event, in bytes.
const maxText = 4 << 10

// Shortened stands for the payload of an event that is too long for a line. The whole event is in list, and in "gcctl events get".
type Shortened struct {
	// Shortened is true.
	Shortened bool `json:"gc_shortened"`
	// Bytes is how long the whole event is.
	Bytes int `json:"bytes"`
}

// Line gives an event as one line of a watch, without its end. An event that is too long for one keeps its number, time, type, actor and the first
// 4 KiB of its subject and its message, and has a Shortened for its payload.
func Line(e Event) []byte {
	if len(e.JSON) < MaxLine {
		return OneLine(e.JSON)
	}
	short, err := json.Marshal(struct {
		Seq     uint64    `json:"seq"`
		Type    string    `json:"type"`
		Time    string    `json:"ts"`
		Actor   string    `json:"actor"`
		Subject string    `json:"subject,omitempty"`
		Message string    `json:"message,omitempty"`
		Payload Shortened `json:"payload"`
	}{e.Seq, cut(e.Type), e.Time.Format(timeFormat), cut(e.Actor), cut(e.Subject), cut(e.Message), Shortened{true, len(e.JSON)}})
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return short
}

// OneLine puts an event on one line. In valid JSON a line's end can only stand between tokens.
func OneLine(text []byte) []byte {
	return []byte(strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(string(text)))
}

// cut shortens a text at a rune's border.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
