package agentd

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryIsGivenBackOnceASessionIsQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var change atomic.Pointer[chan struct{}]
		next := func() *chan struct{} {
			c := make(chan struct{})
			return &c
		}
		change.Store(next())
		trims := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			rest(ctx, func() <-chan struct{} { return *change.Load() }, func() { trims++ })
		}()
		happens := func() {
			close(*change.Swap(next()))
			synctest.Wait()
		}
		after := func(d time.Duration, want int, when string) {
			t.Helper()
			<-time.After(d)
			synctest.Wait()
			if trims != want {
				t.Errorf("%s: given back %d times, want %d", when, trims, want)
			}
		}
		synctest.Wait()
		after(quietTime, 1, "quiet since the start")
		after(time.Hour, 1, "quiet ever since")
		happens()
		for range 100 {
			after(quietTime/10, 1, "at work")
			happens()
		}
		after(2*quietTime, 2, "quiet after work")
		after(time.Hour, 2, "quiet for long")
		cancel()
		<-done
	})
}
