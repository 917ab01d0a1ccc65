package configmap

import (
	"context"
	"sync"
	"time"
)

// reservation is a number taken from the counter.
type reservation struct {
	seq uint64
	at  time.Time // it wasn't given out before
	err error
}

// batch lets concurrent callers share swaps: whoever comes while one is under way is served by the next.
type batch struct {
	take func(ctx context.Context, n int) (first uint64, at time.Time, err error)
	run  func(func(context.Context)) // runs something in the background, within the owner's life

	mu      sync.Mutex
	waiting []chan reservation
	running bool
}

func newBatch(take func(context.Context, int) (uint64, time.Time, error), run func(func(context.Context))) *batch {
	return &batch{take: take, run: run}
}

// reserve takes a number.
func (b *batch) reserve(ctx context.Context) reservation {
	mine := make(chan reservation, 1)
	b.mu.Lock()
	b.waiting = append(b.waiting, mine)
	if !b.running {
		b.running = true
		b.run(b.swaps)
	}
	b.mu.Unlock()
	select {
	case r := <-mine:
		return r
	case <-ctx.Done():
		b.leave(mine)
		return reservation{err: context.Cause(ctx)}
	}
}

// leave takes a caller out who hasn't been served. One whose swap is under way loses a number.
func (b *batch) leave(caller chan reservation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, w := range b.waiting {
		if w == caller {
			b.waiting = append(b.waiting[:i], b.waiting[i+1:]...)
			return
		}
	}
}

// swaps serves callers as long as there are any.
func (b *batch) swaps(ctx context.Context) {
	for {
		b.mu.Lock()
		callers := b.waiting
		b.waiting = nil
		b.running = len(callers) > 0
		b.mu.Unlock()
		if len(callers) == 0 {
			return
		}
		var r reservation
		r.seq, r.at, r.err = b.take(ctx, len(callers))
		for _, caller := range callers {
			caller <- r
			r.seq++
		}
	}
}
