package pid1

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shortDir gives a folder whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pid1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestConnectionsOutliveACrashOfServe(t *testing.T) {
	t.Parallel()
	for network, address := range map[string]string{"unix": filepath.Join(shortDir(t), "a"), "tcp": freePort(t)} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			r := start(t, "-listen", network+":"+address, "--", "accept")
			seen := map[string]bool{}
			for range 3 {
				var conn net.Conn
				var err error
				untilOr(t, func() bool { // the first has to wait for init to listen
					conn, err = net.Dial(network, address)
					return err == nil
				})
				pid, err := io.ReadAll(conn)
				if err != nil || seen[string(pid)] || len(pid) == 0 {
					t.Fatalf("answer %q, %v", pid, err)
				}
				seen[string(pid)] = true
				conn.Close()
				r.logged("serve crashed") // the next is dialled while nobody is there to accept it
			}
		})
	}
}

func untilOr(t *testing.T, what func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for !what() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited for too long")
		}
	}
}

func TestListenTakesOverFromTheDeadAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "a")
	first, err := Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %o", info.Mode().Perm())
	}
	if _, err := Listen("unix:" + path); err == nil || !strings.Contains(err.Error(), "another agentd listens there") {
		t.Errorf("beside a live one: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := Listen("unix:" + path) // its file is there still
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestListenRefuses(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	for _, tt := range []struct{ address, want string }{
		{"", "want unix:PATH or tcp:HOST:PORT"},
		{"unix:", "want unix:PATH or tcp:HOST:PORT"},
		{"tcp:", "want unix:PATH or tcp:HOST:PORT"},
		{dir + "/a", "want unix:PATH or tcp:HOST:PORT"},
		{"tcp:127.0.0.1", "missing port"},
		{"unix:" + dir + "/no/such/folder", "no such file"},
		{"unix:" + dir + "/" + strings.Repeat("x", 120), "invalid argument"},
	} {
		if _, err := Listen(tt.address); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q gives %v, want %q", tt.address, err, tt.want)
		}
	}
}
