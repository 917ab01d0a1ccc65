// Package soak runs writers and readers of an event log for a while, with its hub killed, its API server restarted and old events pruned, and tells
// whether anything was lost, doubled or put out of order.
package soak

import (
	"fmt"
	"maps"
	"slices"
)

// Seen is an event as a reader was told of it.
type Seen struct {
	Seq uint64
	// ID tells an event from all others: its writer's name and which of its events it is.
	ID string
}

// most is how many faults of a kind are told: the first ones say what is wrong.
const most = 5

// Faults compares what writers were told is stored with what a reader saw, in the order that it saw it. Acknowledged holds each writer's events in the
// order of their acknowledgements; one writer records one at a time.
func Faults(acknowledged map[string][]string, seen []Seen) []string {
	var all []string
	all = append(all, some("out of order", order(seen))...)
	all = append(all, some("seen twice", twice(seen))...)
	place := map[string]int{}
	for i, s := range seen {
		place[s.ID] = i
	}
	for _, writer := range slices.Sorted(maps.Keys(acknowledged)) {
		all = append(all, some("of "+writer, ofWriter(acknowledged[writer], place))...)
	}
	return all
}

// order tells where numbers don't rise.
func order(seen []Seen) (faults []string) {
	for i := 1; i < len(seen); i++ {
		if seen[i].Seq <= seen[i-1].Seq {
			faults = append(faults, fmt.Sprintf("%d (%s) comes after %d (%s)", seen[i].Seq, seen[i].ID, seen[i-1].Seq, seen[i-1].ID))
		}
	}
	return faults
}

// twice tells which events have come more than once, under one number or two.
func twice(seen []Seen) (faults []string) {
	first := map[string]uint64{}
	for _, s := range seen {
		if seq, again := first[s.ID]; again {
			faults = append(faults, fmt.Sprintf("%s as %d and as %d", s.ID, seq, s.Seq))
			continue
		}
		first[s.ID] = s.Seq
	}
	return faults
}

// ofWriter tells which of a writer's acknowledged events a reader didn't see, and which it saw before an earlier one.
func ofWriter(acknowledged []string, place map[string]int) (faults []string) {
	last := -1
	for _, id := range acknowledged {
		at, was := place[id]
		switch {
		case !was:
			faults = append(faults, id+" was acknowledged and not seen")
		case at < last:
			faults = append(faults, id+" was acknowledged after one that was seen later")
		default:
			last = at
		}
	}
	return faults
}

func some(kind string, faults []string) []string {
	var told []string
	for _, f := range faults[:min(len(faults), most)] {
		told = append(told, kind+": "+f)
	}
	if more := len(faults) - most; more > 0 {
		told = append(told, fmt.Sprintf("%s: and %d more", kind, more))
	}
	return told
}
