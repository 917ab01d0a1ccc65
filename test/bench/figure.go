package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// figure is one line of the table.
type figure struct {
	name  string
	value string
	// against is what it is compared with, if anything, and ratio how they compare.
	against string
	ratio   float64
	// limit is said in words; ok tells whether it holds. Without a limit a figure only informs.
	limit string
	ok    bool
}

func (f figure) missed() bool { return f.limit != "" && !f.ok }

func (f figure) String() string {
	verdict := "    "
	switch {
	case f.missed():
		verdict = "MISS"
	case f.limit != "":
		verdict = "ok"
	}
	ratio := ""
	if f.ratio != 0 {
		ratio = fmt.Sprintf("%.2fx", f.ratio)
	}
	return strings.TrimRight(fmt.Sprintf("  %-4s  %-52s %10s  %-40s %7s  %s", verdict, f.name, f.value, f.against, ratio, f.limit), " ")
}

// atMost is a figure whose limit is so many times another.
func atMost(times float64, name string, value time.Duration, baseName string, base time.Duration) figure {
	ratio := float64(value) / float64(base)
	return figure{
		name: name, value: duration(value), against: baseName + " " + duration(base), ratio: ratio,
		limit: fmt.Sprintf("at most %gx", times), ok: ratio <= times,
	}
}

// within is a figure with an absolute limit.
func within[T int | int64 | time.Duration](name string, value, limit T, show func(T) string) figure {
	return figure{name: name, value: show(value), limit: "at most " + show(limit), ok: value <= limit}
}

func duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.1f µs", float64(d)/1e3)
	case d < time.Second:
		return fmt.Sprintf("%.2f ms", float64(d)/1e6)
	default:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
}

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// quantile gives the value below which the given part of the samples lies. It sorts them.
func quantile(samples []time.Duration, part float64) time.Duration {
	slices.Sort(samples)
	return samples[min(len(samples)-1, int(part*float64(len(samples))))]
}

func median(samples []time.Duration) time.Duration { return quantile(samples, 0.5) }

// timed gives how long f takes.
func timed(f func() error) (time.Duration, error) {
	began := time.Now()
	err := f()
	return time.Since(began), err
}

// inTurn measures each of fs n times, one after the other, after a few turns that don't count.
func inTurn(n int, fs ...func() error) ([][]time.Duration, error) {
	steps := make([]step, len(fs))
	for i, f := range fs {
		steps[i] = step{do: f}
	}
	return stepsInTurn(n, steps...)
}

// step is something to measure, with what must happen before and after and doesn't count. Either may be nil.
type step struct{ before, do, after func() error }

// stepsInTurn is inTurn for steps.
func stepsInTurn(n int, steps ...step) ([][]time.Duration, error) {
	const warm = 5
	samples := make([][]time.Duration, len(steps))
	for i := range n + warm {
		for j, s := range steps {
			took, err := s.run()
			if err != nil {
				return nil, err
			}
			if i >= warm {
				samples[j] = append(samples[j], took)
			}
		}
	}
	return samples, nil
}

func (s step) run() (took time.Duration, err error) {
	if s.before != nil {
		if err := s.before(); err != nil {
			return 0, err
		}
	}
	if took, err = timed(s.do); err != nil || s.after == nil {
		return took, err
	}
	return took, s.after()
}
