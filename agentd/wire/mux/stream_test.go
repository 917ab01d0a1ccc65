package mux

import (
	"context"
	"testing"
)

// A result that comes close behind a push ends the exchange's context before whoever waits for the push has looked.
func TestWhatCameBeforeTheEndIsFound(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	came := make(chan struct{})
	close(came)
	for range 100 { // each time it was chance
		s := newStream(t.Context(), nil, 1, 1, 1)
		s.changed[inPush] = came
		s.mu.Lock()
		if err := s.wait(ctx, inPush); err != nil {
			t.Fatal(err)
		}
		s.mu.Unlock()
		s.cancel()
	}
}
