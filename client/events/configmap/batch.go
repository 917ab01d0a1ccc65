package configmap

import (
	"context"
	"slices"
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
	take func(ctx context.Context, marks []string) ([]reservation, error) // one for each mark
	run  func(func(context.Context))                                      // runs something in the background, within the owner's life

	mu      sync.Mutex
	waiting []caller
	running bool
}

// caller waits for a number.
type caller struct {
	mark string
	told chan reservation
}

func newBatch(take func(context.Context, []string) ([]reservation, error), run func(func(context.Context))) *batch {
	return &batch{take: take, run: run}
}

// reserve takes a number for the event of a mark.
func (b *batch) reserve(ctx context.Context, mark string) reservation {
	mine := caller{mark, make(chan reservation, 1)}
	b.mu.Lock()
	b.waiting = append(b.waiting, mine)
	if !b.running {
		b.running = true
		b.run(b.swaps)
	}
	b.mu.Unlock()
	select {
	case r := <-mine.told:
		return r
	case <-ctx.Done():
		b.leave(mine)
		return reservation{err: context.Cause(ctx)}
	}
}

// leave takes a caller out who hasn't been served. One whose swap is under way loses a number.
func (b *batch) leave(who caller) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.waiting, who); i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
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
		marks := make([]string, len(callers))
		for i, c := range callers {
			marks[i] = c.mark
		}
		all, err := b.take(ctx, marks)
		for i, c := range callers {
			if err != nil {
				c.told <- reservation{err: err}
			} else {
				c.told <- all[i]
			}
		}
	}
}
