package health

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gascity/agentd/agentd/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type session wire.Status

func (s session) Status() wire.Status { return wire.Status(s) }

// serve serves c on a unix socket and gives its address.
func serve(t *testing.T, c Config) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "health")
	if err != nil {
		t.Fatal(err)
	}
	address := "unix:" + filepath.Join(dir, "h")
	if c.Metrics == nil {
		c.Metrics = NewMetrics(c.Session, nil)
	}
	c.Log = slog.New(slog.DiscardHandler)
	server := New(c)
	l, err := Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { server.Close(); serving.Wait(); os.RemoveAll(dir) })
	return address
}

func alive(context.Context) error { return nil }

func TestReadyOnlyWhileTheSessionRuns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status wire.Status
		want   string
	}{
		"waiting":  {wire.Status{State: wire.StateWaiting}, "/readyz: session is waiting"},
		"staging":  {wire.Status{State: wire.StateStaging}, "/readyz: session is staging"},
		"running":  {wire.Status{State: wire.StateRunning}, ""},
		"stopping": {wire.Status{State: wire.StateRunning, Stopping: true}, "/readyz: session is stopping"},
		"exited":   {wire.Status{State: wire.StateExited}, "/readyz: session is exited"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := serve(t, Config{Session: session(c.status), Alive: alive})
			if err := Probe(t.Context(), address, true); text(err) != c.want {
				t.Errorf("ready: %v, want %q", err, c.want)
			}
			if err := Probe(t.Context(), address, false); err != nil {
				t.Errorf("healthy: %v", err)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestUnhealthyWhenTheEventLoopDoesNotTurn(t *testing.T) {
	t.Parallel()
	stuck := serve(t, Config{Session: session{}, Alive: func(ctx context.Context) error {
		<-ctx.Done()
		return errors.New("event loop is stuck")
	}})
	if err := Probe(t.Context(), stuck, false); text(err) != "/healthz: event loop is stuck" {
		t.Errorf("error %v", err)
	}
}

func TestProbeSaysThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	address := "unix:" + filepath.Join(t.TempDir(), "none")
	if err := Probe(t.Context(), address, false); err == nil || !strings.Contains(err.Error(), "no agentd answers at") {
		t.Errorf("error %v", err)
	}
}

func TestListenReplacesASocketLeftBehind(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "health")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for range 2 {
		l, err := Listen("unix:" + filepath.Join(dir, "h"))
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		l.Close()
	}
	if _, err := Listen("nonsense"); err == nil || !strings.Contains(err.Error(), `"nonsense"`) {
		t.Errorf("error %v", err)
	}
}

func TestMetricsTellWhatHappened(t *testing.T) {
	t.Parallel()
	s := session{State: wire.StateExited, Started: time.Unix(1000, 5e8), Activity: time.Unix(2000, 0), Attached: 2, Exit: &wire.Exit{Status: 137}}
	m := NewMetrics(s, func() Counters {
		return Counters{Prints: 1 << 40, Reconnects: 1, Nudges: 5, NudgesFailed: 4, NudgesWaiting: 3, Adopted: true, Restarts: 2}
	})
	m.Request("peek", "", 2*time.Millisecond)
	m.Request("peek", wire.CodeNoSession, time.Second)
	m.Refused("token")
	m.Links(7)
	address := serve(t, Config{Session: s, Alive: alive, Metrics: m})
	body := get(t, address, "/metrics")
	for _, want := range []string{
		`agentd_build_info{version="` + wire.BuildVersion() + `"} 1`,
		`agentd_session_state{state="exited"} 1`, `agentd_session_state{state="running"} 0`,
		"agentd_session_start_time_seconds 1000.5", "agentd_session_last_activity_seconds 2000",
		"agentd_session_attached_terminals 2", "agentd_session_exit_status 137",
		"agentd_session_prints_total 1.099511627776e+12", "agentd_tmux_reconnects_total 1",
		"agentd_nudges_total 5", "agentd_nudges_failed_total 4", "agentd_nudges_waiting 3", "agentd_session_adopted 1", "agentd_serve_restarts_total 2",
		`agentd_requests_total{code="",op="peek"} 1`, `agentd_requests_total{code="no_session",op="peek"} 1`,
		`agentd_request_duration_seconds_count{op="peek"} 2`, `agentd_connections_refused_total{reason="token"} 1`, "agentd_connections 7",
		"process_resident_memory_bytes ",
	} {
		if !strings.Contains(body, "\n"+want) && !strings.HasPrefix(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
}

func get(t *testing.T, address, path string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", strings.TrimPrefix(address, "unix:"))
	}}}
	response, err := client.Get("http://agentd" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
