// Package health tells probes and operators how agentd is: /healthz, /readyz and /metrics on an address of their own, apart from the
// websocket's, since the kubelet comes from outside the pod and carries no token. Nothing here says what the agent does or shows.
package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gascity/agentd/agentd/wire"
)

const (
	// aliveTimeout is how long the event loop may take to answer /healthz. The kubelet gives a probe 1 s by default.
	aliveTimeout = 800 * time.Millisecond
	// requestTimeout bounds reading a request and writing its answer.
	requestTimeout = 5 * time.Second
	// maxHeader bounds a request, in bytes.
	maxHeader = 8 << 10
)

// Session is what health needs to know of the supervised session.
type Session interface {
	Status() wire.Status
}

// Config says what is told.
type Config struct {
	Session Session
	// Alive returns nil while the event loop turns, soon or when its ctx ends.
	Alive   func(ctx context.Context) error
	Metrics *Metrics
	Log     *slog.Logger
}

// Server answers probes.
type Server struct {
	http *http.Server
}

// New makes a Server.
func New(c Config) *Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), aliveTimeout)
		defer cancel()
		answer(w, c.Alive(ctx))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { answer(w, ready(c.Session.Status())) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(c.Metrics.registry, promhttp.HandlerOpts{
		ErrorLog:           slog.NewLogLogger(c.Log.Handler(), slog.LevelWarn),
		DisableCompression: true, // a few kilobytes over loopback or the node's network; a gzip writer takes 800 KB
	}))
	return &Server{http: &http.Server{
		Handler:        mux,
		ReadTimeout:    requestTimeout,
		WriteTimeout:   requestTimeout,
		IdleTimeout:    2 * time.Minute, // scrapers come every 15–60 s and keep their connection
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}}
}

func answer(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, err)
		return
	}
	fmt.Fprintln(w, "ok")
}

// ready says why a session in this state is not ready for work, nil if it is.
func ready(s wire.Status) error {
	switch {
	case s.State != wire.StateRunning:
		return fmt.Errorf("session is %s", s.State)
	case s.Stopping:
		return errors.New("session is stopping")
	}
	return nil
}

// Serve answers on l until Close, and closes l.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve health on %s: %w", l.Addr(), err)
	}
	return nil
}

// Close ends Serve and every connection.
func (s *Server) Close() error { return s.http.Close() }

// Listen opens address: unix:PATH or HOST:PORT. A socket file that a process left behind is replaced.
func Listen(address string) (net.Listener, error) {
	network, where := split(address)
	if network == "unix" {
		if err := os.Remove(where); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("listen for probes: %w", err)
		}
	}
	l, err := net.Listen(network, where)
	if err != nil {
		return nil, fmt.Errorf("listen for probes on %q: %w", address, err)
	}
	return l, nil
}

func split(address string) (network, where string) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return "unix", path
	}
	return "tcp", address
}
