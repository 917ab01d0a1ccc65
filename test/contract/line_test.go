package contract_test

import (
	"context"
	"maps"
	"net"
	"net/url"
	"os"
	"sync"
	"testing"
)

// line is a TCP proxy before the API server, for one test to cut or hold without disturbing others.
type line struct {
	t     *testing.T
	at    string // its address
	to    string
	ctx   context.Context
	owned sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]struct{}
	down     bool
	stranded map[net.Conn]struct{}
	flows    chan struct{} // closed while bytes pass
}

// newLine makes the way of this gc to the API server pass through a line.
func (g *gc) newLine() *line {
	g.t.Helper()
	server, err := url.Parse(g.pods.cluster.Config.Host)
	if err != nil {
		g.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &line{t: g.t, at: "127.0.0.1:0", to: server.Host, ctx: ctx, conns: map[net.Conn]struct{}{}, flows: make(chan struct{})}
	close(l.flows)
	l.listen()
	via, err := os.ReadFile(g.pods.cluster.Via(g.t, l.at))
	if err != nil {
		g.t.Fatal(err)
	}
	g.env = append(g.env, "KUBECONFIG="+g.write(string(via), "kubeconfig")) // where it stays until the sessions have been stopped
	g.after = append(g.after, func() {
		cancel()
		l.cut()
		l.owned.Wait()
	})
	return l
}

// listen has the line take connections, at the address it had before.
func (l *line) listen() {
	l.t.Helper()
	listener, err := net.Listen("tcp", l.at)
	if err != nil {
		l.t.Fatal(err)
	}
	l.listener, l.at = listener, listener.Addr().String()
	l.owned.Go(func() { l.accept(listener) })
}

func (l *line) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return // closed
		}
		l.owned.Go(func() { l.serve(conn) })
	}
}

func (l *line) serve(client net.Conn) {
	defer client.Close()
	var d net.Dialer
	server, err := d.DialContext(l.ctx, "tcp", l.to)
	if err != nil {
		return
	}
	defer server.Close()
	if !l.keep(client, server) {
		return
	}
	defer l.drop(client, server)
	var back sync.WaitGroup
	back.Go(func() { l.carry(server, client) })
	l.carry(client, server)
	back.Wait()
}

// keep has the line know of connections, unless it was cut meanwhile.
func (l *line) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		l.conns[c] = struct{}{}
	}
	return !l.down
}

func (l *line) drop(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		delete(l.conns, c)
	}
}

// carry passes bytes on while they flow, and ends both ends with one.
func (l *line) carry(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		l.mu.Lock()
		flows := l.flows
		if _, is := l.stranded[from]; is {
			flows = nil
		}
		l.mu.Unlock()
		select {
		case <-flows:
		case <-l.ctx.Done():
			return
		}
		if _, writeErr := to.Write(buf[:n]); err != nil || writeErr != nil {
			return
		}
	}
}

// cut ends all connections, and has new ones refused.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	l.listener.Close()
	for c := range l.conns {
		c.Close()
	}
}

// hold lets connections be, and nothing pass.
func (l *line) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flows = make(chan struct{})
}

// strand lets nothing pass on the connections that there are, as when one end has come to another network: new ones are as always.
func (l *line) strand() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stranded = maps.Clone(l.conns)
}

// restore takes connections again after a cut.
func (l *line) restore() {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
	l.listen()
}

// release lets all pass again after a hold.
func (l *line) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.flows)
}
