package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// measureMany runs many sessions under one hub, asks each what gc asks every few seconds, and follows the hub's size.
func measureMany(_ context.Context, w *world, scale scale) ([]figure, error) {
	names := make([]string, scale.sessions)
	for i := range names {
		names[i] = fmt.Sprintf("s%03d", i)
	}
	var figures []figure
	var sizes []int64 // of the hub, at each quarter
	quarter := len(names) / 4
	var starting time.Duration
	for part := range 4 {
		some := names[part*quarter : (part+1)*quarter]
		d, err := timed(func() error {
			return atOnce(4, len(some), func(i int) error { return w.start(some[i], "echo ready; exec cat", nil) })
		})
		if err != nil {
			return nil, err
		}
		starting += d
		asked, err := w.askEach(names[:(part+1)*quarter])
		if err != nil {
			return nil, err
		}
		if part == 3 {
			figures = append(figures, asked...)
		}
		hub, err := w.hub()
		if err != nil {
			return nil, err
		}
		size, err := memory(hub.PID, "VmRSS")
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, size)
	}
	figures = append([]figure{{name: fmt.Sprintf("start of %d, 4 at once", len(names)), value: duration(starting)}}, figures...)
	for i, size := range sizes {
		figures = append(figures, within(fmt.Sprintf("RSS of the hub with %d sessions", (i+1)*quarter), size, 100<<20, mib))
	}
	return append(figures, linear(sizes, quarter)), nil
}

// askEach asks of each session what gc asks, one after the other, and then for the list.
func (w *world) askEach(names []string) ([]figure, error) {
	var figures []figure
	for _, op := range [][]string{{"is-running"}, {"get-last-activity"}, {"peek", "50"}} {
		var samples []time.Duration
		var total time.Duration
		for _, name := range names {
			args := append([]string{op[0], name}, op[1:]...)
			d, err := timed(func() error { return quietly(w.command(w.provider, args...)) })
			if err != nil {
				return nil, err
			}
			samples, total = append(samples, d), total+d
		}
		figures = append(figures, figure{
			name: fmt.Sprintf("%d x %s", len(names), op[0]), value: duration(total),
			against: fmt.Sprintf("each %s, p99 %s", duration(median(samples)), duration(quantile(samples, 0.99))),
		})
	}
	const lists = 10
	samples, err := inTurn(lists, func() error {
		list, err := w.front("", "list-running", "")
		if got := len(strings.Fields(list)); err == nil && got != len(names) {
			err = fmt.Errorf("list-running names %d sessions of %d", got, len(names))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return append(figures, figure{name: fmt.Sprintf("list-running of %d", len(names)), value: duration(median(samples[0]))}), nil
}

// linear tells whether the hub grows no faster with its later sessions than with its earlier ones. Twice as fast and 2 MiB are allowed, since
// Go's heap grows in steps.
func linear(sizes []int64, quarter int) figure {
	early, late := sizes[1]-sizes[0], sizes[3]-sizes[2]
	each := func(growth int64) string { return fmt.Sprintf("%.0f KiB", float64(growth)/1024/float64(quarter)) }
	return figure{
		name: "growth per session in the last quarter", value: each(late), against: "in the second quarter " + each(early),
		limit: "at most 2x and 2 MiB", ok: late <= 2*max(early, 0)+2<<20,
	}
}
