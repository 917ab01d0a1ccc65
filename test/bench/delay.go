package main

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// delayLine is a TCP proxy that makes a server look far away. What comes is passed on as late as a long line would, in order, and not one piece after the
// other: the line holds as much as comes, so that it costs time and no throughput. Making a connection takes a round trip, too.
type delayLine struct {
	listener net.Listener
	to       string
	way      time.Duration // one way
	ctx      context.Context
	cancel   context.CancelFunc
	owned    sync.WaitGroup
}

// newDelayLine listens on the loopback for connections to a server that is half a round trip away.
func newDelayLine(to string, roundTrip time.Duration) (*delayLine, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &delayLine{listener: l, to: to, way: roundTrip / 2}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.owned.Go(d.accept)
	return d, nil
}

func (d *delayLine) address() string { return d.listener.Addr().String() }

// close ends all connections.
func (d *delayLine) close() {
	d.cancel()
	d.listener.Close()
	d.owned.Wait()
}

func (d *delayLine) accept() {
	for {
		c, err := d.listener.Accept()
		if err != nil {
			return // closed
		}
		d.owned.Go(func() { d.serve(c) })
	}
}

// serve passes on what comes on one connection. A server that can't be reached is one that hangs up.
func (d *delayLine) serve(client net.Conn) {
	defer client.Close()
	if pause(d.ctx, 2*d.way) != nil {
		return
	}
	var dialer net.Dialer
	server, err := dialer.DialContext(d.ctx, "tcp", d.to)
	if err != nil {
		return
	}
	defer server.Close()
	stop := context.AfterFunc(d.ctx, func() {
		client.Close()
		server.Close()
	})
	defer stop()
	var out sync.WaitGroup
	out.Go(func() { carry(server, client, d.way) })
	carry(client, server, d.way)
	out.Wait()
}

// piece is some bytes under way.
type piece struct {
	due  time.Time
	data []byte
}

const (
	// pieceSize is how much is read at once.
	pieceSize = 32 << 10
	// underWay is how many pieces may be on the line at once. It holds back no sender: 128 MB in 25 ms is more than any link here carries.
	underWay = 4096
)

// carry passes bytes on from src to dst, each so long after it came, until src ends; dst then is told the end as late. A dst that takes no more ends src.
func carry(dst io.Writer, src io.Reader, way time.Duration) {
	line := make(chan piece, underWay)
	var delivering sync.WaitGroup
	delivering.Go(func() { deliver(dst, src, line) })
	for {
		buf := make([]byte, pieceSize)
		n, err := src.Read(buf)
		if n > 0 {
			line <- piece{time.Now().Add(way), buf[:n]}
		}
		if err != nil {
			line <- piece{due: time.Now().Add(way)}
			close(line)
			delivering.Wait()
			return
		}
	}
}

// deliver writes the pieces when they are due. The last one has no bytes.
func deliver(dst io.Writer, src io.Reader, line <-chan piece) {
	var err error
	for p := range line {
		time.Sleep(time.Until(p.due))
		switch {
		case err != nil: // nobody takes it
		case p.data == nil:
			err = closeWrite(dst)
		default:
			if _, err = dst.Write(p.data); err != nil {
				hangUp(src)
			}
		}
	}
}

// closeWrite tells the end of what one side has to say; the other direction may go on.
func closeWrite(w io.Writer) error {
	if half, ok := w.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

func hangUp(r io.Reader) {
	if c, ok := r.(io.Closer); ok {
		c.Close()
	}
}
