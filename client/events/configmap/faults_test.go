package configmap

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// way is the way to an API server, with faults on it.
type way struct {
	next http.RoundTripper

	mu      sync.Mutex
	refuses bool                     // connections
	loses   func(*http.Request) bool // the answer, after the server has done what was asked
	unsent  bool                     // what loses is true of isn't even sent
	changes func(*http.Request)      // before it is sent
	watches chan io.Closer           // that were opened
	seen    map[string]int           // how many requests of each method
}

func newWay() *way { return &way{watches: make(chan io.Closer, 100), seen: map[string]int{}} }

// over puts a way between a log and its API server.
func (w *way) over(c *Config) {
	c.Rest = rest.CopyConfig(c.Rest)
	c.Rest.Wrap(func(next http.RoundTripper) http.RoundTripper { w.next = next; return w })
}

func (w *way) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *way) count(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[what]
}

func isWatch(r *http.Request) bool { return r.URL.Query().Get("watch") != "" }

// RoundTrip is a request.
func (w *way) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	refuses, changes, unsent := w.refuses, w.changes, w.unsent
	loses := !refuses && w.loses != nil && w.loses(r)
	if isWatch(r) {
		w.seen["WATCH"]++
	} else {
		w.seen[r.Method]++
	}
	w.mu.Unlock()
	if loses && unsent {
		return nil, io.ErrUnexpectedEOF
	}
	if refuses {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	if changes != nil {
		r = r.Clone(r.Context())
		changes(r)
	}
	answer, err := w.next.RoundTrip(r)
	if err == nil && loses {
		_ = answer.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	if err == nil && isWatch(r) && answer.StatusCode == http.StatusOK {
		w.watches <- answer.Body
	}
	return answer, err
}

// breakWatch ends the watch, as an API server does every few minutes, once there is one. From then on connections are refused, or not.
func (w *way) breakWatch(t *testing.T, refuses bool) {
	t.Helper()
	select {
	case open := <-w.watches:
		w.set(func() { w.refuses = refuses })
		_ = open.Close()
	case <-time.After(20 * time.Second):
		t.Fatal("there is no watch")
	}
}

// once makes what is true for the first request that meets a condition.
func once(meets func(*http.Request) bool) func(*http.Request) bool {
	done := false
	return func(r *http.Request) bool {
		if done || !meets(r) {
			return false
		}
		done = true
		return true
	}
}

// to says whether a request is of a method and for a ConfigMap whose name, or the path to it, ends so.
func to(method, end string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Method == method && strings.HasSuffix(r.URL.Path, end) }
}
