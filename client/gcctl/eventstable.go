package gcctl

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/gascity/agentd/client/events"
)

// longestCell is where a type, an actor or a subject is cut on a terminal, so that the message is seen.
const longestCell = 40

// eventTable prints events as lines of a table.
type eventTable struct {
	app       *app
	format    string // "", wide or name
	live      bool   // events come one by one: their ages would soon be wrong
	noHeaders bool
	table     table
	begun     bool
}

func (t *eventTable) write(list []events.Event) error {
	out := t.app.streams.Out
	now, columns := time.Now(), t.columns()
	var rows [][]cell
	if !t.begun && !t.noHeaders && t.format != "name" {
		rows = append(rows, t.titles())
	}
	t.begun = true
	for _, e := range list {
		rows = append(rows, t.row(e, now, columns > 0))
	}
	_, err := io.WriteString(out, joinLines(t.table.lines(rows, paletteFor(out, t.app.getenv), columns)))
	return err
}

// columns is the width that lines are cut at, 0 for none.
func (t *eventTable) columns() int {
	out, ok := t.app.streams.Out.(*os.File)
	if !ok || t.format != "" || !isTerminal(out) {
		return 0
	}
	columns, _, err := term.GetSize(int(out.Fd()))
	if err != nil || columns <= 0 {
		return 80
	}
	return columns
}

func (t *eventTable) titles() []cell {
	when := "AGE"
	if t.live || t.format == "wide" {
		when = "TIME"
	}
	titles := plain("SEQ", when, "TYPE", "ACTOR", "SUBJECT", "MESSAGE")
	if t.format == "wide" {
		titles = append(titles, plain("PAYLOAD")...)
	}
	return titles
}

func (t *eventTable) row(e events.Event, now time.Time, short bool) []cell {
	seq := cell{text: strconv.FormatUint(e.Seq, 10)}
	if t.format == "name" {
		return []cell{seq}
	}
	fit := func(text string) string {
		if text = orDash(text); short && width(text) > longestCell {
			text = clip(text, longestCell-1) + "…"
		}
		return text
	}
	row := []cell{seq, {t.when(e.Time, now), paintFaint}, {fit(e.Type), hueOf(e.Type)}, {text: fit(e.Actor)}, {text: fit(e.Subject)}, {text: orDash(e.Message)}}
	if t.format == "wide" {
		row = append(row, cell{text: orDash(string(payloadOf(e)))})
	}
	return row
}

func (t *eventTable) when(at, now time.Time) string {
	switch {
	case t.format == "wide" && !at.IsZero():
		return at.Format(time.RFC3339Nano)
	case !t.live || at.IsZero():
		return since(now, at)
	case now.Sub(at).Abs() < 12*time.Hour:
		return at.Local().Format(time.TimeOnly)
	}
	return at.Local().Format("2006-01-02 15:04")
}

// hueOf gives the events of one kind, which is the first word of their type, one colour.
func hueOf(kind string) paint {
	first, _, _ := strings.Cut(kind, ".")
	h := fnv.New32a()
	h.Write([]byte(first)) // it never fails
	return hues[h.Sum32()%uint32(len(hues))]
}

// payloadOf gives an event's payload on one line, nothing where it has none.
func payloadOf(e events.Event) []byte {
	var parts struct {
		Payload json.RawMessage `json:"payload"`
	}
	if json.Unmarshal(e.JSON, &parts) != nil {
		return nil
	}
	return events.OneLine(parts.Payload)
}

// harmless writes the control characters that JSON may hold as they are as \u sequences, which mean the same to who reads the JSON and nothing to a
// terminal.
func harmless(text []byte) []byte {
	var b strings.Builder
	for _, r := range string(text) {
		if r >= 0x7f && r < 0xa0 {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return []byte(b.String())
}

// stored gives events as they are stored, each on one line: on a terminal, and in YAML, which knows no control characters, with these written out.
func (a *app) stored(o *outputFlag, list []events.Event) []json.RawMessage {
	raw := make([]json.RawMessage, len(list))
	for i, e := range list {
		raw[i] = events.OneLine(e.JSON)
		if isTerminal(a.streams.Out) || o.format == "yaml" {
			raw[i] = harmless(raw[i])
		}
	}
	return raw
}

// printStored prints events one by one, as JSON lines or YAML documents.
func (a *app) printStored(o *outputFlag, list []events.Event) error {
	for _, raw := range a.stored(o, list) {
		var err error
		if o.format == "yaml" {
			err = o.write(a.streams.Out, raw, true)
		} else {
			_, err = a.streams.Out.Write(append(raw, '\n'))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
