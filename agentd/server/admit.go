package server

import (
	"net"
	"net/http"
	"slices"
	"sync"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/ws"
)

// admit answers every request there is. Without a valid token that is 401, whatever the method and the path: a caller who may not come in can't even
// learn what is here.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) {
	w.Header()["Date"] = nil
	claims, err := s.verifier.FromRequest(r)
	if err != nil {
		s.log.Warn("caller refused", "reason", err, "remote", r.RemoteAddr)
		s.refuse(w, "token", http.StatusUnauthorized)
		return
	}
	if len(r.Header.Values("Origin")) != 0 {
		s.log.Warn("browser refused", "origin", r.Header.Get("Origin"))
		s.refuse(w, "origin", http.StatusForbidden)
		return
	}
	if r.URL.Path != ws.Path {
		s.refuse(w, "protocol", http.StatusNotFound)
		return
	}
	if s.full() {
		s.log.Warn("connection refused", "reason", "limit reached", "limit", maxLinks)
		s.refuse(w, "limit", http.StatusServiceUnavailable)
		return
	}
	transport, err := ws.Upgrade(w, r)
	if err != nil {
		s.log.Warn("upgrade failed", "reason", err)
		s.observer.Refused("protocol")
		return
	}
	l := &link{server: s, role: claims.Role, version: r.Header.Get(wire.VersionHeader)}
	l.conn = mux.Server(transport, l.handle, mux.Options{Ping: pingEvery, Logger: s.log})
	s.run(l)
}

// refuse answers with a bare status.
func (s *Server) refuse(w http.ResponseWriter, reason string, status int) {
	s.observer.Refused(reason)
	w.WriteHeader(status)
}

// full says whether there is no room for one more connection.
func (s *Server) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining || len(s.links) >= maxLinks
}

// pending holds the connections that have not become a websocket yet, oldest first.
type pending struct {
	mu    sync.Mutex
	conns []net.Conn
}

// track is an http.Server's ConnState.
func (p *pending) track(c net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch state {
	case http.StateNew:
		if len(p.conns) >= maxPending {
			_ = p.conns[0].Close() // its own goroutine sees that, and has nobody to tell
			p.conns = p.conns[1:]
		}
		p.conns = append(p.conns, c)
	case http.StateHijacked, http.StateClosed:
		if i := slices.Index(p.conns, c); i >= 0 {
			p.conns = slices.Delete(p.conns, i, i+1)
		}
	}
}
