package hub

import (
	"context"
	"errors"
	"io"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

const (
	// maxPeekText is the longest text kept, in bytes.
	maxPeekText = 64 << 10
	// maxPeeks is how many texts a session keeps. gc asks for two different numbers of lines.
	maxPeeks = 2
)

// peekCache keeps the last texts peeked. It holds for one link.
type peekCache struct {
	texts []peekText
	// floor is the version below which no text may be served: something was written since, even if its push hasn't come yet.
	floor uint64
	// writes counts what this hub wrote, so that a peek which was under way meanwhile doesn't lift the floor.
	writes uint64
}

type peekText struct {
	lines   int
	version uint64
	text    []byte
}

func (c *peekCache) get(lines int) (peekText, bool) {
	for _, t := range c.texts {
		if t.lines == lines {
			return t, true
		}
	}
	return peekText{}, false
}

func (c *peekCache) put(t peekText) {
	kept := []peekText{t}
	for _, old := range c.texts {
		if old.lines != t.lines && len(kept) < maxPeeks {
			kept = append(kept, old)
		}
	}
	c.texts = kept
}

// wrote notes that something was written to the session: what was peeked before is old, whatever was pushed so far.
func (s *session) wrote() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peeks.writes++
	s.peeks.floor = s.status.Screen + 1
}

// current reports whether the screen is known to be at that version now. The caller holds mu.
func (s *session) current(version uint64) bool {
	return version != 0 && s.proven() && version == s.status.Screen && version >= s.peeks.floor
}

// peek answers OpPeek: from the cache when the screen is known to be unchanged, else by asking.
func (h *Hub) peek(ctx context.Context, x *mux.Exchange, s *session) (any, error) {
	var q wire.Peek
	if err := x.Decode(&q); err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, patience) // for all links together
	defer cancel()
	for {
		s.mu.Lock()
		if s.current(q.Have) {
			s.mu.Unlock()
			return wire.PeekReply{Screen: q.Have, Unchanged: true}, nil
		}
		cached, ok := s.peeks.get(q.Lines)
		fresh := ok && s.current(cached.version)
		s.mu.Unlock()
		if fresh {
			return deliver(x, cached)
		}
		conn, err := s.link(waiting)
		if err != nil {
			return nil, err
		}
		p := &peeking{session: s, exchange: x, query: q}
		s.mu.Lock()
		if s.conn == conn { // what was peeked over another link says nothing about this one's versions
			p.cached, _ = s.peeks.get(q.Lines)
			p.writes = s.peeks.writes
		}
		s.mu.Unlock()
		reply, err := p.ask(ctx, conn)
		if mux.Lost(err) && !p.began {
			continue
		}
		return reply, err
	}
}

// deliver sends a whole text.
func deliver(x *mux.Exchange, t peekText) (any, error) {
	if _, err := x.Write(t.text); err != nil {
		return nil, err
	}
	return wire.PeekReply{Screen: t.version}, nil
}

// peeking is one question for the screen.
type peeking struct {
	session  *session
	exchange *mux.Exchange
	query    wire.Peek
	cached   peekText // what we hold, version 0 if nothing
	writes   uint64   // the cache's counter when the question was put
	began    bool     // bytes were sent to the caller: it can't be asked again
}

func (p *peeking) ask(ctx context.Context, conn *mux.Conn) (any, error) {
	q := p.query
	if p.cached.version != 0 {
		q.Have = p.cached.version
	}
	call, err := conn.Open(ctx, mux.Request{Op: wire.OpPeek, Body: q})
	if err != nil {
		return nil, err
	}
	defer call.Cancel()
	text, err := p.take(call)
	if err != nil {
		return nil, err
	}
	var reply wire.PeekReply
	if err := call.Result(&reply); err != nil {
		return nil, err
	}
	p.note(conn, reply, text)
	switch {
	case p.began:
		return reply, nil
	case p.query.Have != 0 && p.query.Have == reply.Screen:
		return wire.PeekReply{Screen: reply.Screen, Unchanged: true}, nil
	case reply.Unchanged:
		return deliver(p.exchange, p.cached)
	default:
		return deliver(p.exchange, peekText{version: reply.Screen, text: text})
	}
}

// take reads the text. One that is too long to keep is passed on as it comes.
func (p *peeking) take(call *mux.Call) ([]byte, error) {
	var text []byte
	buf := make([]byte, 8<<10) // a screen of 200×50
	for {
		n, err := call.Read(buf)
		if text = append(text, buf[:n]...); len(text) > maxPeekText || p.began {
			p.began = true
			if _, err := p.exchange.Write(text); err != nil {
				return nil, err
			}
			text = text[:0]
		}
		if errors.Is(err, io.EOF) {
			return text, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// note keeps what was learned: the text, and that the screen is at least at this version.
func (p *peeking) note(conn *mux.Conn, reply wire.PeekReply, text []byte) {
	s := p.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != conn {
		return
	}
	s.status.Screen = max(s.status.Screen, reply.Screen)
	if s.peeks.writes == p.writes {
		s.peeks.floor = 0
	}
	if !p.began && !reply.Unchanged {
		s.peeks.put(peekText{lines: p.query.Lines, version: reply.Screen, text: text})
	}
}
