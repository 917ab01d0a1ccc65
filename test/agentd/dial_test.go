package agentd_test

import (
	"net"
	"strings"
	"testing"
)

func TestDialTellsWhetherAServerCanBeReached(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if status, out := command(t, nil, "dial", address); status != 0 || !strings.HasPrefix(out, "connected to "+address) {
		t.Errorf("somebody listens: status %d, %q", status, out)
	}
	l.Close()
	if status, out := command(t, nil, "dial", "--within", "500ms", address); status != 1 || !strings.Contains(out, "connection refused") || !strings.Contains(out, address) {
		t.Errorf("nobody listens: status %d, %q", status, out)
	}
	if status, out := command(t, nil, "dial", "no-port"); status != 1 || !strings.Contains(out, "missing port") {
		t.Errorf("no port: status %d, %q", status, out)
	}
	if status, out := command(t, nil, "dial"); status != 1 || !strings.Contains(out, "HOST:PORT") {
		t.Errorf("nothing to dial: status %d, %q", status, out)
	}
}
