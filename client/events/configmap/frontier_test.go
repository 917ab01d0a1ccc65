package configmap

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// settling is a frontier in front of numbers that are stored, with a clock of its own.
type settling struct {
	frontier
	stored []uint64
	now    time.Time
}

func (s *settling) next(after uint64) uint64 {
	for _, n := range s.stored {
		if n > after {
			return n
		}
	}
	return 0
}

// do lets something happen: "+3" 3 is stored, "c9" the counter says 9, "2s" time passes, "restart" the watch is made anew. Then what is due is buried.
func (s *settling) do(what string) {
	var n uint64
	switch {
	case what == "restart":
		s.restart(s.now)
	case strings.HasPrefix(what, "+"):
		fmt.Sscan(what[1:], &n)
		s.stored = append(s.stored, n)
		slices.Sort(s.stored)
		s.given(n, s.now)
		s.advance(s.next)
	case strings.HasPrefix(what, "c"):
		fmt.Sscan(what[1:], &n)
		s.given(n, s.now)
	default:
		d, err := time.ParseDuration(what)
		if err != nil {
			panic(err)
		}
		s.now = s.now.Add(d)
	}
	for {
		from, to := s.due(s.now, gapTime, s.next)
		if from == 0 {
			return
		}
		s.bury(to, s.next)
	}
}

func TestFrontier(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		happens string
		want    uint64
	}{
		"nothing":                                    {"", 0},
		"all is there":                               {"+1 +2 +3", 3},
		"a gap is waited for":                        {"+1 +3 4.9s", 1},
		"a gap is filled":                            {"+1 +3 4.9s +2", 3},
		"a gap is dead":                              {"+1 +3 5s", 3},
		"a gap is dead, the next one is young":       {"+1 +3 2s +5 3s", 3},
		"both are dead":                              {"+1 +3 2s +5 5s", 5},
		"the counter tells of a number":              {"+1 c2 4.9s", 1},
		"the counter's number never comes":           {"+1 c2 5s", 2},
		"the counter's time counts, not the event's": {"+1 c2 4s +3 1s", 3},
		"the counter is ahead of a gap":              {"c3 +1 +3 4.9s", 1},
		"the first is missing":                       {"+2 4.9s", 0},
		"a late one doesn't move it":                 {"+1 +3 5s +2", 3},
		"a watch made anew is given its time":        {"+1 +3 4s restart 4.9s", 1},
		"and no more":                                {"+1 +3 4s restart 5s", 3},
		"a steady stream doesn't keep a gap alive": {
			"+1 +3" + strings.Repeat(" 40ms c9 40ms +4 40ms +5", 50) + " 40ms c99", 9,
		},
		"what is seen at nearly one time is one step": {"+1 +3 30ms +4 4.99s 9ms", 1},
		"and ends as one":          {"+1 +3 30ms +4 5s", 4},
		"a counter that goes back": {"+1 +2 c1 5s", 2},
		"a wide gap":               {"c1000000 +1 5s", 1_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &settling{now: time.Unix(1e9, 0)}
			for what := range strings.FieldsSeq(test.happens) {
				before := s.front
				s.do(what)
				if s.front < before {
					t.Fatalf("%s: it goes back from %d to %d", what, before, s.front)
				}
			}
			if s.front != test.want {
				t.Errorf("it is at %d, want %d", s.front, test.want)
			}
		})
	}
}

func TestFrontierHasFewSteps(t *testing.T) {
	t.Parallel()
	s := &settling{now: time.Unix(1e9, 0)}
	for n := range uint64(4000) { // 1 is missing
		s.do(fmt.Sprintf("+%d", n+2))
		s.do("1ms")
	}
	if len(s.steps) > 100 || s.front != 0 {
		t.Errorf("there are %d steps, and it is at %d", len(s.steps), s.front)
	}
	s.do("1050ms")
	if s.front < 4000 {
		t.Errorf("after 5 s it is at %d", s.front)
	}
}

// A list takes its time, and what was missing at its beginning may have come meanwhile: its age then counts.
func TestAgesAreThoseAtTheBeginningOfAList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &Log{clock: &clock{}}
		began := time.Now().Truncate(time.Second)
		time.Sleep(3 * time.Second) // of the bubble's clock
		l.clock.set(time.Now())
		steps := l.steps([]*item{{seq: 9, created: began.Add(-5 * time.Second)}}, nil, began)
		if len(steps) != 1 || steps[0].upTo != 9 || time.Since(steps[0].seen) != 4*time.Second { // and a second for the stamps
			t.Errorf("steps: %+v at %v", steps, time.Now())
		}
	})
}
