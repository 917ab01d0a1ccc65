package frames

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// maxHello bounds the line that each end begins with, in bytes.
const maxHello = 256

// Dial makes the client's end over a connection that dial opens, and gives the peer's build version as well. A peer that shares no protocol with this build gives
// wire.CodeUnavailable. ctx bounds the making alone.
func Dial(ctx context.Context, dial func(context.Context) (net.Conn, error), log *slog.Logger) (*mux.Conn, string, error) {
	conn, err := dial(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("connect: %w", err)
	}
	t := newTransport(conn)
	version, err := t.greet(ctx, func() (string, error) {
		if err := t.hello(); err != nil {
			return "", err
		}
		return t.hear()
	})
	if err != nil {
		conn.Close()
		return nil, version, fmt.Errorf("connect: %w", err)
	}
	return mux.Client(t, mux.Options{Logger: log}), version, nil
}

// Accept makes the transport of a server's end. A peer that is refused is told what is spoken here. ctx bounds the making alone; the caller closes conn after an
// error.
func Accept(ctx context.Context, conn net.Conn) (mux.Transport, error) {
	t := newTransport(conn)
	_, err := t.greet(ctx, func() (string, error) {
		version, err := t.hear()
		if wire.CodeOf(err) == wire.CodeUnavailable {
			_ = t.hello() // it says enough
		}
		if err != nil {
			return "", err
		}
		return version, t.hello()
	})
	if err != nil {
		return nil, fmt.Errorf("accept: %w", err)
	}
	return t, nil
}

func newTransport(conn net.Conn) *transport {
	t := &transport{conn: conn, in: bufio.NewReaderSize(conn, readBuffer), writing: make(chan struct{}, 1)}
	t.writing <- struct{}{}
	return t
}

// greet has both lines said, within ctx. When they are, the end of ctx comes too late: the peer may know of the connection, and is to hear how it ends.
func (t *transport) greet(ctx context.Context, lines func() (string, error)) (version string, err error) {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = t.conn.SetDeadline(time.Unix(1, 0)) // what is under way fails
		close(ended)
	})
	version, err = lines()
	if stop() {
		return version, err
	}
	<-ended
	if err != nil {
		return version, context.Cause(ctx)
	}
	return version, t.conn.SetDeadline(time.Time{})
}

// hello says which protocol is spoken here, and by which build.
func (t *transport) hello() error {
	_, err := io.WriteString(t.conn, wire.Subprotocol+" "+wire.BuildVersion()+"\n")
	return err
}

// hear reads the peer's line and gives its build version.
func (t *transport) hear() (string, error) {
	line, err := readLine(t.in)
	if err != nil {
		return "", err
	}
	protocol, version, _ := strings.Cut(line, " ")
	if protocol != wire.Subprotocol {
		return version, wire.Errorf(wire.CodeUnavailable, "peer does not speak %s: it says %q", wire.Subprotocol, line)
	}
	return version, nil
}

// readLine reads a line of at most maxHello bytes, its end included.
func readLine(r *bufio.Reader) (string, error) {
	var line strings.Builder
	for line.Len() < maxHello {
		b, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		if b == '\n' {
			return line.String(), nil
		}
		line.WriteByte(b)
	}
	return "", wire.Errorf(wire.CodeUnavailable, "peer does not speak %s: it says %.40q", wire.Subprotocol, line.String())
}
