package configmap

import (
	"net/http"
	"sync"
	"time"
)

// clock is the API server's, as its answers tell it: this machine's may be wrong, and what is stored has the server's times.
type clock struct {
	mu       sync.Mutex
	said     time.Time // by the last answer, whole seconds
	received time.Time
}

// wrap reads the time of each answer that passes.
func (c *clock) wrap(next http.RoundTripper) http.RoundTripper { return &clockReader{c, next} }

type clockReader struct {
	clock *clock
	next  http.RoundTripper
}

// RoundTrip is a request to the API server.
func (r *clockReader) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := r.next.RoundTrip(request)
	if err == nil {
		if said, bad := http.ParseTime(answer.Header.Get("Date")); bad == nil {
			r.clock.set(said)
		}
	}
	return answer, err
}

// WrappedRoundTripper lets client-go find what it looks for in the transport.
func (r *clockReader) WrappedRoundTripper() http.RoundTripper { return r.next }

func (c *clock) set(said time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said, c.received = said, time.Now()
}

// age is how long ago something happened at least, by the server's clock: 0 where that isn't known. Its stamps have whole seconds.
func (c *clock) age(stamp time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said.IsZero() || stamp.IsZero() {
		return 0
	}
	return max(0, c.said.Add(time.Since(c.received)).Sub(stamp)-time.Second)
}
