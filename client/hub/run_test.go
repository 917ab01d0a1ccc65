package hub

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// far is a backend that takes its time to say what there is.
type far struct {
	*fakeBackend
	takes time.Duration
	fails error
}

func (f far) Scan(ctx context.Context) ([]Endpoint, error) {
	if err := sleep(ctx, f.takes); err != nil {
		return nil, err
	}
	if f.fails != nil {
		return nil, f.fails
	}
	return f.fakeBackend.Scan(ctx)
}

func TestAHubDoesNotWaitForABackendThatIsSlowOrOutOfReach(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for name, test := range map[string]struct {
		backend far
		want    error
		within  time.Duration
		found   bool
	}{
		"one that is near":         {far{}, nil, 0, true},
		"one that is slow":         {far{takes: 10 * time.Second}, nil, adoptTime, true},
		"one that never answers":   {far{takes: time.Hour}, nil, adoptTime, false},
		"one that is out of reach": {far{fails: wire.Errorf(wire.CodeUnavailable, "out of reach")}, nil, 0, false},
		"one that refuses":         {far{fails: refused}, refused, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				test.backend.fakeBackend = newBackend(t)
				s := newFake(t, "s")
				s.refuses = errors.New("no way there")
				test.backend.add(s)
				h := New(test.backend, Options{Token: func(string) (string, error) { return "token", nil }})
				defer h.Close()
				began := time.Now()
				end, err := h.firstLook(t.Context())
				defer end()
				if took := time.Since(began); !errors.Is(err, test.want) || took != test.within {
					t.Errorf("after %s: %v; want %v after %s", took, err, test.want, test.within)
				}
				time.Sleep(time.Minute) // of the bubble's clock
				if found := len(h.all()) > 0; found != test.found {
					t.Errorf("its session is known: %v", found)
				}
			})
		})
	}
}
