package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/moby/spdystream"
	corev1 "k8s.io/api/core/v1"

	"github.com/gascity/agentd/agentd/wire"
)

// tunnel is one port-forward to a pod's agentd, whose stream is used as the connection: no port is opened on this machine. It ends with the connection.
//
// The streams are opened by spdystream itself, not by client-go's layer above it: that waits for the answer to each, one after the other, and when the other
// side has gone meanwhile for 30 s. Here what is written follows the two requests at once, so that a dial costs no round trip beyond the upgrade's.
type tunnel struct {
	carrier net.Conn // what SPDY is spoken over
	streams []*spdystream.Stream
	data    *spdystream.Stream
	refusal chan error // what the kubelet said of the forward; closed when it has nothing more to say
	pod     string

	once    sync.Once
	reading deadline
	writing deadline
	owned   sync.WaitGroup
}

// forward opens a tunnel. That nobody listens in the pod shows at its first read, or already here.
func (b *Backend) forward(ctx context.Context, pod string) (net.Conn, error) {
	at := b.client.core.RESTClient().Post().Resource("pods").Namespace(b.target.Namespace).Name(pod).SubResource("portforward").URL()
	upgrading, cancel := sparing(ctx, otherTime)
	defer cancel()
	carrier, err := b.upgrade(upgrading, at)
	if err != nil {
		return nil, b.explain(fmt.Sprintf("port-forward to pod %q", pod), b.nodeFault(ctx, pod, err))
	}
	t := &tunnel{carrier: carrier, refusal: make(chan error, 1), pod: pod}
	if err := t.open(); err != nil {
		err = t.why(err, &t.reading) // a refusal may come before the second stream is asked for
		t.Close()
		return nil, fmt.Errorf("port-forward to pod %q: %w", pod, err)
	}
	return t, nil
}

// open asks for the pair of streams that one connection to a port has.
func (t *tunnel) open() error {
	session, err := spdystream.NewConnection(&wholeFrames{Conn: t.carrier}, false)
	if err != nil {
		return err
	}
	served := make(chan struct{})
	t.owned.Go(func() {
		defer close(served)
		session.Serve(spdystream.NoOpStreamHandler)
	})
	ask := func(kind string) (*spdystream.Stream, error) {
		headers := http.Header{}
		headers.Set(corev1.StreamType, kind)
		headers.Set(corev1.PortHeader, strconv.Itoa(agentdPort))
		headers.Set(corev1.PortForwardRequestIDHeader, "0")
		stream, err := session.CreateStream(headers, nil, false)
		if err != nil {
			return nil, err
		}
		t.streams = append(t.streams, stream)
		t.owned.Go(func() { awaitReply(stream, served) })
		return stream, nil
	}
	refusals, err := ask(corev1.StreamTypeError)
	if err != nil {
		return err
	}
	t.owned.Go(func() { t.takeRefusal(refusals) })
	if err := refusals.Close(); err != nil { // nothing is ever written to it
		return err
	}
	t.data, err = ask(corev1.StreamTypeData)
	return err
}

// awaitReply takes the answer to a stream's request, without which spdystream would stop at a refused one. It may never come.
func awaitReply(stream *spdystream.Stream, served <-chan struct{}) {
	const look = 100 * time.Millisecond
	for errors.Is(stream.WaitTimeout(look), spdystream.ErrTimeout) {
		select {
		case <-served:
			return
		default:
		}
	}
}

func (t *tunnel) takeRefusal(refusals *spdystream.Stream) {
	defer close(t.refusal)
	if text, err := io.ReadAll(refusals); err == nil && len(text) > 0 {
		t.refusal <- errors.New(wire.OneLine(string(text)))
		_ = t.carrier.Close() // what follows would only say that it has ended
	}
}

func (t *tunnel) Read(p []byte) (int, error) {
	if !t.reading.begin() {
		return 0, os.ErrDeadlineExceeded
	}
	defer t.reading.end()
	n, err := t.data.Read(p)
	if err != nil {
		err = t.why(err, &t.reading)
	}
	return n, err
}

func (t *tunnel) Write(p []byte) (int, error) {
	if !t.writing.begin() {
		return 0, os.ErrDeadlineExceeded
	}
	defer t.writing.end()
	n, err := t.data.Write(p)
	if err != nil {
		err = t.why(err, &t.writing)
	}
	return n, err
}

// why says why the stream ended.
func (t *tunnel) why(err error, d *deadline) error {
	if d.expired() {
		return os.ErrDeadlineExceeded
	}
	// It comes on another stream, perhaps a moment later.
	wait := time.NewTimer(50 * time.Millisecond)
	defer wait.Stop()
	select {
	case refusal := <-t.refusal:
		if refusal != nil {
			return refusal
		}
	case <-wait.C:
	}
	return err
}

// Close ends the tunnel.
func (t *tunnel) Close() error {
	var err error
	t.once.Do(func() {
		t.reading.set(time.Time{}, nil)
		t.writing.set(time.Time{}, nil)
		err = t.carrier.Close()
		for _, stream := range t.streams {
			_ = stream.Reset() // wakes its reader; the other side hears of it by the carrier's end
		}
		t.owned.Wait()
	})
	return err
}

// The stream knows no deadlines. Whoever waits for it past one gives up the connection, so the tunnel is ended then.

func (t *tunnel) SetDeadline(at time.Time) error {
	return errors.Join(t.SetReadDeadline(at), t.SetWriteDeadline(at))
}

func (t *tunnel) SetReadDeadline(at time.Time) error {
	t.reading.set(at, func() { t.carrier.Close() })
	return nil
}

func (t *tunnel) SetWriteDeadline(at time.Time) error {
	t.writing.set(at, func() { t.carrier.Close() })
	return nil
}

// deadline calls a function when its time has come and something is still under way. One that passes while nothing is concerns nobody: websockets set
// one for each message and never take it back.
type deadline struct {
	mu       sync.Mutex
	timer    *time.Timer
	at       time.Time
	underWay int
}

// begin says that something is under way until end. It says false when the time is over already.
func (d *deadline) begin() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.past() {
		return false
	}
	d.underWay++
	return true
}

func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.underWay--
}

// missed says whether something that is under way should have been over.
func (d *deadline) missed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.underWay > 0 && d.past()
}

func (d *deadline) set(at time.Time, f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = at
	switch {
	case at.IsZero() && d.timer != nil:
		d.timer.Stop()
	case at.IsZero():
	case d.timer == nil:
		d.timer = time.AfterFunc(time.Until(at), func() {
			if d.missed() { // it may have been put off meanwhile
				f()
			}
		})
	default:
		d.timer.Reset(time.Until(at))
	}
}

func (d *deadline) expired() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.past()
}

// past says whether there is a deadline and it has passed. The caller holds mu.
func (d *deadline) past() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (t *tunnel) LocalAddr() net.Addr  { return podAddr("this machine") }
func (t *tunnel) RemoteAddr() net.Addr { return podAddr(t.pod) }

// podAddr names an end of a tunnel for logs.
type podAddr string

func (podAddr) Network() string  { return "port-forward" }
func (a podAddr) String() string { return string(a) }
