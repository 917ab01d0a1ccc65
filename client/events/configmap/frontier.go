package configmap

import "time"

const (
	// gapTime is how long a number that was given out is waited for. Writers that keep to reservationTime are never that late.
	gapTime = 5 * time.Second
	// oldGapTime is how long ago a number must have been given out, by the server's clock, to be waited for no more when the log is listed.
	oldGapTime = 4 * time.Second
)

// frontier says up to which number everything is settled: stored, deleted after its time, or dead. A number is dead when it was given out long ago and
// nothing has been stored under it.
//
// What is stored is not its business: it is told of that by a function that gives the lowest stored number after another one, 0 for none.
type frontier struct {
	front uint64
	steps []step // rising, in number and in time
}

// step says that all numbers up to one had been given out when it was seen. What is seen within stepTime of the first is one step, so that there are few.
type step struct {
	upTo        uint64
	first, seen time.Time
}

const stepTime = 50 * time.Millisecond

// given notes that a number has been given out. So have those below it.
func (f *frontier) given(upTo uint64, seen time.Time) {
	if upTo <= f.top() {
		return
	}
	if n := len(f.steps); n > 0 && seen.Sub(f.steps[n-1].first) < stepTime {
		f.steps[n-1].upTo, f.steps[n-1].seen = upTo, seen
		return
	}
	f.steps = append(f.steps, step{upTo, seen, seen})
}

// top is the highest number known to have been given out.
func (f *frontier) top() uint64 {
	if n := len(f.steps); n > 0 {
		return f.steps[n-1].upTo
	}
	return f.front
}

// restart begins the waiting anew: until now, what is stored may not have been told.
func (f *frontier) restart(now time.Time) {
	if top := f.top(); top > f.front {
		f.steps = []step{{top, now, now}}
	}
}

// advance goes on over what is stored.
func (f *frontier) advance(next func(after uint64) uint64) {
	for next(f.front) == f.front+1 {
		f.front++
	}
	f.forget()
}

// waiting tells from when on the next number will be dead; false where none is missing.
func (f *frontier) waiting() (time.Time, bool) {
	if len(f.steps) == 0 {
		return time.Time{}, false
	}
	return f.steps[0].seen.Add(gapTime), true
}

// due gives the numbers that are missing next, as far as they were given out that long ago; zeros for none.
func (f *frontier) due(now time.Time, wait time.Duration, next func(after uint64) uint64) (from, to uint64) {
	for _, s := range f.steps {
		if now.Sub(s.seen) < wait {
			break
		}
		to = s.upTo
	}
	if n := next(f.front); n != 0 {
		to = min(to, n-1)
	}
	if to <= f.front {
		return 0, 0
	}
	return f.front + 1, to
}

// bury declares missing numbers dead, and goes on.
func (f *frontier) bury(to uint64, next func(after uint64) uint64) {
	f.front = max(f.front, to)
	f.advance(next)
}

// forget drops the steps that have been taken.
func (f *frontier) forget() {
	for len(f.steps) > 0 && f.steps[0].upTo <= f.front {
		f.steps = f.steps[1:]
	}
}
