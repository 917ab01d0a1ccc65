// Package server serves one session over websockets: it admits callers by their tokens, and answers their operations by asking the session.
//
// A Server has a listener of its own; health has another. What is not a websocket upgrade with a valid token gets 401 and learns nothing.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gascity/agentd/agentd/auth"
	"github.com/gascity/agentd/agentd/nudge"
	"github.com/gascity/agentd/agentd/session"
	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// Limits on what callers may cost. The agent itself can reach the socket (it shares the pod's loopback), so these hold for whoever comes.
const (
	// maxLinks bounds the connections that were admitted. A session has one hub, and a person or two with gcctl and no hub.
	maxLinks = 64
	// maxPending bounds the connections that have not shown a token yet; the oldest gives way to a newcomer, so that holding them
	// open keeps nobody out.
	maxPending = 64
	// maxTerminals bounds the attached terminals: each costs a pty and a tmux client of some 3 MB.
	maxTerminals = 32
	// headerTimeout bounds the reading of an upgrade request, which is one packet.
	headerTimeout = 5 * time.Second
	// maxHeader bounds an upgrade request, in bytes; a token takes about 500.
	maxHeader = 16 << 10
	// maxKey bounds a request's Key, in bytes. Clients take 26 random letters and digits (rand.Text).
	maxKey = 256
	// maxWaitingText bounds the text of all nudges that are being taken in or waited for, in bytes.
	maxWaitingText = nudge.MaxWaitingBytes
	// drainTime is how long requests may take to end once the session has: long enough for a slow line to take the last
	// screen, short enough for a pod's grace period.
	drainTime = 2 * time.Second
	// pingEvery is how often a peer is asked for a sign of life. Load balancers cut links that are idle for 30–60 s.
	pingEvery = 20 * time.Second
)

// Observer hears what an operator would want to count. Its methods are called from many goroutines.
type Observer interface {
	// Request tells of an answered request: its operation ("unknown" for one that doesn't exist), its error code ("" for success) and how long it took.
	Request(op string, code wire.Code, took time.Duration)
	// Refused tells of a connection that was not admitted: "token", "origin", "limit", "protocol".
	Refused(reason string)
	// Links tells how many connections there are now.
	Links(n int)
}

// Config says what a Server serves, and to whom.
type Config struct {
	Session  *session.Session
	Verifier *auth.Verifier
	Observer Observer
	Log      *slog.Logger
}

// Server serves one session. New makes it, Serve runs it, Shutdown ends it.
type Server struct {
	session   *session.Session
	verifier  *auth.Verifier
	observer  Observer
	log       *slog.Logger
	ops       map[wire.Op]operation
	http      *http.Server
	pending   pending
	exchanges sync.WaitGroup // those that have not been answered
	handlers  sync.WaitGroup // connections being served
	terminals atomic.Int64
	waiting   atomic.Int64 // bytes of nudges that are being taken in or waited for

	mu       sync.Mutex
	links    map[*link]struct{}
	changed  chan struct{} // closed at the next change of the links; nil when nobody asked
	draining bool          // set before exchanges is waited for: none is added after
}

// New makes a Server. It does nothing before Serve.
func New(c Config) *Server {
	s := &Server{
		session:  c.Session,
		verifier: c.Verifier,
		observer: c.Observer,
		log:      c.Log,
		ops:      operations(),
		links:    map[*link]struct{}{},
	}
	s.http = &http.Server{
		Handler:                      http.HandlerFunc(s.admit),
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            headerTimeout,
		ReadTimeout:                  headerTimeout,
		WriteTimeout:                 headerTimeout,
		MaxHeaderBytes:               maxHeader,
		ErrorLog:                     slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
		ConnState:                    s.pending.track,
	}
	s.http.SetKeepAlivesEnabled(false) // a refused caller must dial again
	return s
}

// Serve takes connections from l until Shutdown, and closes l.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve websockets on %s: %w", l.Addr(), err)
	}
	return nil
}

// Shutdown takes no more connections and requests, gives the requests under way a moment to end, and closes the connections with the given
// code. It returns when all that the server started has ended.
func (s *Server) Shutdown(code int, text string) {
	_ = s.http.Close() // what it can fail to close is closed already
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	s.drain()
	s.mu.Lock()
	for l := range s.links {
		// A peer that has gone can't be told.
		s.handlers.Go(func() { _ = l.conn.Close(code, text) })
	}
	s.mu.Unlock()
	s.handlers.Wait()
}

// drain waits until every request has been answered, or drainTime is over.
func (s *Server) drain() {
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		s.exchanges.Wait()
	}()
	late := time.NewTimer(drainTime)
	defer late.Stop()
	select {
	case <-answered:
	case <-late.C:
		s.mu.Lock()
		for l := range s.links {
			_ = l.conn.Close(wire.CloseShutdown, "a request did not end in time")
		}
		s.mu.Unlock()
		<-answered
	}
}

// run serves one admitted connection until it ends.
func (s *Server) run(l *link) {
	s.mu.Lock()
	if s.draining || len(s.links) >= maxLinks {
		s.mu.Unlock()
		_ = l.conn.Close(wire.CloseShutdown, "no room")
		return
	}
	s.links[l] = struct{}{}
	s.handlers.Add(1)
	s.linksChanged()
	s.mu.Unlock()
	defer s.handlers.Done()
	err := l.conn.Serve(context.Background())
	s.mu.Lock()
	delete(s.links, l)
	s.linksChanged()
	s.mu.Unlock()
	s.log.Debug("connection ended", "role", l.role, "peer", l.version, "reason", err, "code", mux.CloseCode(err))
}

// linksChanged tells of another number of links. The caller holds mu.
func (s *Server) linksChanged() {
	s.observer.Links(len(s.links))
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Links tells how many clients are connected; changed is closed when one comes or goes.
func (s *Server) Links() (n int, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return len(s.links), s.changed
}
