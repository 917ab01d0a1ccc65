package health

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// probeTimeout bounds a probe. It is above what /healthz takes at most, so that a stuck event loop is told as such.
const probeTimeout = 2 * time.Second

// Probe asks the agentd that serves its health at address (unix:PATH or HOST:PORT, no host meaning this one) whether it is healthy or, with
// ready, ready. Its error is what to tell a person.
func Probe(ctx context.Context, address string, ready bool) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	path := "/healthz"
	if ready {
		path = "/readyz"
	}
	network, where := split(address)
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, where)
		},
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agentd"+path, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", path, err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("no agentd answers at %q: %w", address, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return fmt.Errorf("read the answer to %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, strings.TrimSpace(string(text)))
	}
	return nil
}
