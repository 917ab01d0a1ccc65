package kube

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A websocket sets a deadline for each message and leaves it there. A link on which nothing was said for as long was cut.
func TestADeadlineThatPassesWhileNothingIsUnderWayConcernsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d deadline
		var called atomic.Int32
		d.set(time.Now().Add(time.Second), func() { called.Add(1) })
		if !d.begin() {
			t.Error("the time was over before it was")
		}
		d.end()
		time.Sleep(time.Minute)
		if called.Load() > 0 {
			t.Error("it was called although all was done in time")
		}
		if d.begin() {
			t.Error("what begins after the time may go on")
		}
		d.set(time.Now().Add(time.Second), func() { called.Add(1) })
		if !d.begin() {
			t.Error("a new deadline does not count")
		}
		time.Sleep(time.Minute)
		if called.Load() != 1 {
			t.Errorf("it was called %d times for what took too long", called.Load())
		}
		d.end()
	})
}

func TestADeadlineThatIsPutOffOrTakenBackIsNotCalledForBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d deadline
		var called atomic.Int32
		d.set(time.Now().Add(time.Second), func() { called.Add(1) })
		if !d.begin() {
			t.Fatal("the time was over before it was")
		}
		defer d.end()
		time.Sleep(900 * time.Millisecond)
		d.set(time.Now().Add(time.Second), func() { called.Add(1) })
		time.Sleep(900 * time.Millisecond)
		d.set(time.Time{}, nil)
		synctest.Wait()
		time.Sleep(time.Minute)
		if called.Load() > 0 {
			t.Errorf("it was called %d times", called.Load())
		}
	})
}
