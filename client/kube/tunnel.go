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

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// tunnel is one port-forward to a pod's agentd, whose stream is used as the connection: no port is opened on this machine. It ends with the connection.
type tunnel struct {
	session httpstream.Connection
	data    httpstream.Stream
	refusal <-chan error // what the kubelet said of the forward; closed without a word when all was well
	pod     string

	once     sync.Once
	reading  deadline
	writing  deadline
	draining sync.WaitGroup
}

// forward opens a tunnel: over a websocket, or, where something on the way knows no such thing, over SPDY.
func (b *Backend) forward(ctx context.Context, pod string) (net.Conn, error) {
	config := rest.CopyConfig(b.config)
	config.Wrap(func(rt http.RoundTripper) http.RoundTripper { return bound{ctx, rt} })
	at := b.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(b.target.Namespace).Name(pod).SubResource("portforward").URL()
	overWebsocket, err := portforward.NewSPDYOverWebsocketDialer(at, config)
	if err != nil {
		return nil, fmt.Errorf("port-forward to pod %q: %w", pod, err)
	}
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, fmt.Errorf("port-forward to pod %q: %w", pod, err)
	}
	overSPDY := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, at)
	dialer := portforward.NewFallbackDialer(overWebsocket, overSPDY, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
	session, _, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, b.explain(fmt.Sprintf("port-forward to pod %q", pod), err)
	}
	t := &tunnel{session: session, pod: pod}
	if err := t.open(ctx); err != nil {
		t.Close()
		return nil, fmt.Errorf("port-forward to pod %q: %w", pod, err)
	}
	return t, nil
}

// bound gives requests a context: the dialers have none of their own.
type bound struct {
	ctx context.Context
	rt  http.RoundTripper
}

func (b bound) RoundTrip(r *http.Request) (*http.Response, error) {
	return b.rt.RoundTrip(r.WithContext(b.ctx))
}

// open makes the pair of streams that one connection to a port has.
func (t *tunnel) open(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { t.session.Close() })
	defer stop()
	headers := http.Header{}
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	headers.Set(corev1.PortHeader, strconv.Itoa(agentdPort))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	refusals, err := t.session.CreateStream(headers)
	if err != nil {
		return err
	}
	refusals.Close() // nothing is ever written to it
	refusal := make(chan error, 1)
	t.refusal = refusal
	t.draining.Go(func() {
		defer close(refusal)
		if text, err := io.ReadAll(refusals); err == nil && len(text) > 0 {
			refusal <- errors.New(oneLine(string(text)))
			t.session.Close() // what follows would only say that it has ended
		}
	})
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	t.data, err = t.session.CreateStream(headers)
	return err
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
	select {
	case refusal := <-t.refusal:
		if refusal != nil {
			return refusal
		}
	default:
	}
	return err
}

// Close ends the tunnel.
func (t *tunnel) Close() error {
	var err error
	t.once.Do(func() {
		t.reading.set(time.Time{}, nil)
		t.writing.set(time.Time{}, nil)
		if t.data != nil {
			_ = t.data.Reset() // what is under way must not keep the session from ending
		}
		err = t.session.Close()
		t.draining.Wait()
	})
	return err
}

// The stream knows no deadlines. Whoever waits for it past one gives up the connection, so the tunnel is ended then.

func (t *tunnel) SetDeadline(at time.Time) error {
	return errors.Join(t.SetReadDeadline(at), t.SetWriteDeadline(at))
}

func (t *tunnel) SetReadDeadline(at time.Time) error {
	t.reading.set(at, func() { t.session.Close() })
	return nil
}

func (t *tunnel) SetWriteDeadline(at time.Time) error {
	t.writing.set(at, func() { t.session.Close() })
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
