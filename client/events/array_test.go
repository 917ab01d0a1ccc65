package events

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAnArrayIsOneLineOfWhatIsStored(t *testing.T) {
	t.Parallel()
	for want, stored := range map[string][]string{
		`[]`:                                   nil,
		`[{"a":1}]`:                            {`{"a":1}`},
		`[{"a": 1.0 , "b":"\u003c"},{ "c":2}]`: {`{"a": 1.0 , "b":"\u003c"}`, "{\r\n\"c\":2}"},
	} {
		var list []Event
		for _, s := range stored {
			list = append(list, Event{JSON: json.RawMessage(s)})
		}
		var b strings.Builder
		if err := WriteArray(&b, list); err != nil || b.String() != want {
			t.Errorf("%q gives %q, %v, want %q", stored, b.String(), err, want)
		}
	}
}
