package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/websocket"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/gascity/agentd/agentd/wire"
)

// The subprotocols of a port-forward: tunnelled in a websocket, and in SPDY as it was before.
const (
	overWebsocket = "SPDY/3.1+" + overSPDY
	overSPDY      = portforward.PortForwardProtocolV1Name
)

// upgrade turns a request to the API server into a connection to speak SPDY over: a websocket, or, where something on the way knows no such thing, the
// connection itself.
func (b *Backend) upgrade(ctx context.Context, at *url.URL) (net.Conn, error) {
	conn, err := b.upgradeToWebsocket(ctx, at)
	if err != nil && (httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)) {
		return b.upgradeToSPDY(ctx, at)
	}
	return conn, err
}

func (b *Backend) upgradeToWebsocket(ctx context.Context, at *url.URL) (net.Conn, error) {
	transport, holder, err := websocket.RoundTripperFor(b.credentials())
	if err != nil {
		return nil, err
	}
	// The handshake doesn't heed the end of ctx, which a kubelet that is busy with the pod's images can make long. Closing its connection ends it.
	end := func() bool { return true }
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		end = context.AfterFunc(ctx, func() { _ = info.Conn.Close() })
	}}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	conn, err := websocket.Negotiate(transport, holder, r, overWebsocket)
	if cut := !end(); cut && err != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	return portforward.NewTunnelingConnection("agentd", conn), nil
}

func (b *Backend) upgradeToSPDY(ctx context.Context, at *url.URL) (net.Conn, error) {
	config := rest.CopyConfig(b.credentials())
	config.NextProtos = []string{"http/1.1"} // HTTP/2 has no such upgrade
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set(httpstream.HeaderConnection, httpstream.HeaderUpgrade)
	r.Header.Set(httpstream.HeaderUpgrade, "SPDY/3.1")
	r.Header.Set(httpstream.HeaderProtocolVersion, overSPDY)
	reply, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	stream, ok := reply.Body.(io.ReadWriteCloser)
	if reply.StatusCode != http.StatusSwitchingProtocols || !ok {
		defer reply.Body.Close()
		return nil, refusedUpgrade(reply)
	}
	return upgraded{stream}, nil
}

// refusedUpgrade is the error that the API server answered.
func refusedUpgrade(reply *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(reply.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("read the answer %s: %w", reply.Status, err)
	}
	var status metav1.Status
	if json.Unmarshal(text, &status) == nil && status.Kind == "Status" {
		return &apierrors.StatusError{ErrStatus: status}
	}
	return errors.New(reply.Status + ": " + wire.OneLine(string(text)))
}

// upgraded makes a connection of a reply's body. Whoever wants deadlines sets them on the tunnel.
type upgraded struct{ io.ReadWriteCloser }

func (upgraded) LocalAddr() net.Addr              { return podAddr("this machine") }
func (upgraded) RemoteAddr() net.Addr             { return podAddr("the API server") }
func (upgraded) SetDeadline(time.Time) error      { return nil }
func (upgraded) SetReadDeadline(time.Time) error  { return nil }
func (upgraded) SetWriteDeadline(time.Time) error { return nil }
