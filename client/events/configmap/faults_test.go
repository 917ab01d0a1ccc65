package configmap

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"k8s.io/client-go/rest"
)

// way is the way to an API server, with faults on it.
type way struct {
	next http.RoundTripper

	mu      sync.Mutex
	refuses bool                     // connections
	loses   func(*http.Request) bool // the answer, after the server has done what was asked
	changes func(*http.Request)      // before it is sent
	watches map[*cut]bool            // those that are open
	seen    map[string]int           // how many requests of each method
	before  func(*http.Request)      // called before it is sent
}

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
	refuses, loses, changes, before := w.refuses, w.loses != nil && w.loses(r), w.changes, w.before
	if w.seen == nil {
		w.seen, w.watches = map[string]int{}, map[*cut]bool{}
	}
	if isWatch(r) {
		w.seen["WATCH"]++
	} else {
		w.seen[r.Method]++
	}
	w.mu.Unlock()
	if refuses {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	if changes != nil {
		r = r.Clone(r.Context())
		changes(r)
	}
	if before != nil {
		before(r)
	}
	answer, err := w.next.RoundTrip(r)
	if err == nil && loses {
		_ = answer.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	if err == nil && isWatch(r) && answer.StatusCode == http.StatusOK {
		body := &cut{ReadCloser: answer.Body, way: w}
		w.set(func() { w.watches[body] = true })
		answer.Body = body
	}
	return answer, err
}

// cut is the body of a watch, which may be ended.
type cut struct {
	io.ReadCloser
	way *way
}

func (c *cut) Close() error {
	c.way.set(func() { delete(c.way.watches, c) })
	return c.ReadCloser.Close()
}

// breakWatches ends all watches, as an API server does every few minutes.
func (w *way) breakWatches(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	var open []*cut
	for c := range w.watches {
		open = append(open, c)
	}
	w.mu.Unlock()
	if len(open) == 0 {
		t.Fatal("no watch is open")
	}
	for _, c := range open {
		_ = c.Close()
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
