package configmap

import (
	"cmp"
	"slices"
	"time"

	"github.com/gascity/agentd/client/events"
)

// item is a stored event.
type item struct {
	seq     uint64    // of the ConfigMap's name
	created time.Time // by the server's clock
	version uint64    // the ConfigMap's resource version, 0 where it isn't a number
	odd     bool      // there is a ConfigMap, and no event in it that could be shown
	event   events.Event
}

// store holds events by their numbers.
type store struct {
	items []*item // sorted
	names map[string]string
}

// maxNames bounds how many types and actors are remembered, so that each is in memory once.
const maxNames = 4096

// find gives the place of a number, and whether there is something at it.
func (s *store) find(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(s.items, seq, func(it *item, seq uint64) int { return cmp.Compare(it.seq, seq) })
}

func (s *store) has(seq uint64) bool {
	_, found := s.find(seq)
	return found
}

// after gives those with higher numbers.
func (s *store) after(seq uint64) []*item {
	i, found := s.find(seq)
	if found {
		i++
	}
	return s.items[i:]
}

// put takes an event, and tells whether it is a new one.
func (s *store) put(it *item) bool {
	s.share(it)
	i, found := s.find(it.seq)
	if found {
		s.items[i] = it
		return false
	}
	s.items = slices.Insert(s.items, i, it)
	return true
}

func (s *store) remove(seq uint64) {
	if i, found := s.find(seq); found {
		s.items = slices.Delete(s.items, i, i+1)
	}
}

// share lets events of one type, or actor, share its text.
func (s *store) share(it *item) {
	if s.names == nil || len(s.names) > maxNames {
		s.names = map[string]string{}
	}
	for _, text := range []*string{&it.event.Type, &it.event.Actor} {
		if known, is := s.names[*text]; is {
			*text = known
		} else {
			s.names[*text] = *text
		}
	}
}
