package soak

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// run is a flawless one of two writers.
func run() (acknowledged map[string][]string, seen []Seen) {
	acknowledged = map[string][]string{}
	for i := range 20 {
		writer := fmt.Sprint("w", i%2)
		id := fmt.Sprintf("%s-%d", writer, i)
		acknowledged[writer] = append(acknowledged[writer], id)
		seen = append(seen, Seen{Seq: uint64(3 * (i + 1)), ID: id}) // numbers may be missing
	}
	return acknowledged, seen
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(acknowledged map[string][]string, seen []Seen) []Seen
		want   string // in what is told; "" for nothing
	}{
		{"none", func(_ map[string][]string, seen []Seen) []Seen { return seen }, ""},
		{"one that nobody acknowledged", func(a map[string][]string, seen []Seen) []Seen { a["w0"] = a["w0"][:9]; return seen }, ""},
		{"a line is missing", func(_ map[string][]string, seen []Seen) []Seen { return slices.Delete(seen, 7, 8) }, "w1-7 was acknowledged and not seen"},
		{"the last is missing", func(_ map[string][]string, seen []Seen) []Seen { return seen[:19] }, "w1-19 was acknowledged and not seen"},
		{"a line came twice", func(_ map[string][]string, seen []Seen) []Seen { return slices.Insert(seen, 8, seen[7]) }, "w1-7 as 24 and as 24"},
		{"an event has two numbers", func(_ map[string][]string, seen []Seen) []Seen {
			return append(seen, Seen{100, seen[3].ID})
		}, "w1-3 as 12 and as 100"},
		{"two events have one number", func(_ map[string][]string, seen []Seen) []Seen { seen[5].Seq = seen[4].Seq; return seen }, "15 (w1-5) comes after 15 (w0-4)"},
		{"two lines are swapped", func(_ map[string][]string, seen []Seen) []Seen { seen[5], seen[6] = seen[6], seen[5]; return seen }, "18 (w1-5) comes after 21 (w0-6)"},
		{"a writer's events are swapped, not their numbers", func(_ map[string][]string, seen []Seen) []Seen {
			seen[4].ID, seen[6].ID = seen[6].ID, seen[4].ID
			return seen
		}, "w0-6 was acknowledged after one that was seen later"},
		{"all is missing", func(map[string][]string, []Seen) []Seen { return nil }, "of w1: and 5 more"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			acknowledged, seen := run()
			got := strings.Join(Faults(acknowledged, test.change(acknowledged, seen)), "\n")
			if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("faults:\n%s\nwant %q", got, test.want)
			}
		})
	}
}
